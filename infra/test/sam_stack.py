"""The SAM template, as it would be deployed: expanded by SAM's own translator, then its functions (Ref, Sub, If …)
reckoned out."""

import copy
import logging
import os
import re

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

from stack import ACCOUNT, LATER, NAME, REGION, Stack, parameter_name

# It says at each use that its own metrics go nowhere.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

# What is taken out of the list or the properties that it stands in.
NO_VALUE = object()
# Which property names a resource, and how its ARN goes on after arn:aws.
NAMES = {
    "AWS::SQS::Queue": ("QueueName", f"sqs:{REGION}:{ACCOUNT}:"),
    "AWS::Lambda::Function": ("FunctionName", f"lambda:{REGION}:{ACCOUNT}:function:"),
    "AWS::DynamoDB::Table": ("TableName", f"dynamodb:{REGION}:{ACCOUNT}:table/"),
    "AWS::S3::Bucket": ("BucketName", "s3:::"),
    "AWS::Logs::LogGroup": ("LogGroupName", f"logs:{REGION}:{ACCOUNT}:log-group:"),
    "AWS::IAM::Role": (None, f"iam::{ACCOUNT}:role/"),
    "AWS::Events::Rule": (None, f"events:{REGION}:{ACCOUNT}:rule/"),
}
PSEUDO = {
    "AWS::StackName": NAME, "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": NO_VALUE,
}


def check_code(name: str, resource: dict):
    """That `sam build` puts the code of this function into it, and of no other."""
    function = str(resource["Properties"]["FunctionName"]).split("-", 1)[1].rstrip("}'\"")
    folder, binary = resource["Properties"]["CodeUri"], resource["Metadata"]["BuildProperties"]["Binary"]
    if folder != f"../../functions/{function}" or binary != function:
        raise ValueError(f"{name} is {function}, and would be built from {folder}, binary {binary}")


class Template:
    """The text of a template with values for its parameters."""

    def __init__(self, text: str, values: dict):
        template = yaml_parse(text)
        unknown = values.keys() - template["Parameters"].keys()
        if unknown:
            raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}")
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                check_code(name, resource)
                # The translator wants code that is packed already, and a region.
                resource["Properties"]["CodeUri"] = "s3://bucket/key"
        os.environ.setdefault("AWS_DEFAULT_REGION", REGION)

        class NoManagedPolicies:
            def load(self):
                return {}

        template = transform(copy.deepcopy(template), {}, NoManagedPolicies())
        self.parameters = {name: one.get("Default") for name, one in template["Parameters"].items()} | values
        self.conditions = template["Conditions"]
        self.resources = {
            name: one for name, one in template["Resources"].items()
            if "Condition" not in one or self.holds(one["Condition"])
        }
        self.outputs = template["Outputs"]

    def stack(self) -> Stack:
        resources = []
        for name, resource in self.resources.items():
            properties = self.value(resource["Properties"])
            if resource["Type"] == "AWS::IAM::Role":
                properties.setdefault("RoleName", name)
            if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
                properties["kept"] = resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
            resources.append((resource["Type"], properties))
        return Stack("SAM", resources, {name: self.value(one["Value"]) for name, one in self.outputs.items()})

    def holds(self, condition: str) -> bool:
        return self.value(self.conditions[condition])

    def value(self, term):
        if isinstance(term, list):
            values = [self.value(one) for one in term]
            return [one for one in values if one is not NO_VALUE]
        if not isinstance(term, dict):
            return term
        if len(term) == 1:
            (name, argument), = term.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return getattr(self, name.removeprefix("Fn::").lower())(argument)
        values = {name: self.value(one) for name, one in term.items()}
        return {name: one for name, one in values.items() if one is not NO_VALUE}

    def ref(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = self.resources[name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
        return self.name(name)

    def name(self, resource):
        property_name, _ = NAMES[self.resources[resource]["Type"]]
        return self.value(self.resources[resource]["Properties"][property_name]) if property_name else resource

    def getatt(self, path):
        resource, attribute = path if isinstance(path, list) else path.split(".")
        kind = self.resources[resource]["Type"]
        if attribute == "FunctionUrl":
            return LATER
        if attribute == "QueueName":
            return self.name(resource)
        if attribute == "Arn":
            arn = f"arn:aws:{NAMES[kind][1]}{self.name(resource)}"
            return f"{arn}:*" if kind == "AWS::Logs::LogGroup" else arn
        raise ValueError(f"{resource}.{attribute} is nothing that this test knows")

    def sub(self, argument):
        text, own = (argument[0], self.value(argument[1])) if isinstance(argument, list) else (argument, {})

        def replace(found):
            name = found.group(1)
            if name in own:
                return str(own[name])
            return str(self.getatt(name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)

    def condition(self, name):
        return self.holds(name)

    def equals(self, pair):
        return self.value(pair[0]) == self.value(pair[1])

    def not_(self, argument):
        return not self.value(argument[0])

    def and_(self, arguments):
        return all(self.value(one) for one in arguments)

    def if_(self, argument):
        return self.value(argument[1] if self.holds(argument[0]) else argument[2])


# Words that Python keeps for itself.
for word in ("not", "and", "if"):
    setattr(Template, word, getattr(Template, f"{word}_"))


def sam_stack(text: str, settings: dict) -> Stack:
    """`settings` are those of compare.py."""
    values = {"SecretsPath": settings["secrets_path"]}
    used = settings.get("providers_used")
    if used:
        every = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"]
        values |= {provider.capitalize(): "true" if provider in used else "false" for provider in every}
    for name in ("config_key", "public_url", "alarm_topic", "thumbnails", "gallery_concurrency"):
        if name in settings:
            values[parameter_name(name)] = str(settings[name])
    if "alarms" in settings:
        values["Alarms"] = "true" if settings["alarms"] else "false"
    values |= {parameter_name(name): value for name, value in settings.get("environment", {}).items()}
    return Template(text, values).stack()
