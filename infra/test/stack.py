"""A stack as both flavours come to be compared: resources in the words of CloudFormation, each below a name that says what
it is, with everything put into the one form in which it can be the same."""

import fnmatch
import json

ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "darkroom-test"
SECRETS_PATH = "/darkroom-test"
# What is known only once it is there.
LATER = "(known once it is deployed)"


def parameter_name(variable: str) -> str:
    """WATERMARK_RESULT_HOSTS is WatermarkResultHosts, DARKROOM_PUBLIC_URL is PublicUrl."""
    return "".join(word.capitalize() for word in variable.removeprefix("DARKROOM_").split("_"))


class Stack:
    """`resources` are pairs of a type and its properties, with ARNs and names as they will be. What cannot be understood
    is a problem, and not left out."""

    def __init__(self, flavour: str, resources: list, outputs: dict):
        self.flavour, self.outputs, self.problems = flavour, outputs, []
        self.parts = {}
        self.roles = {}
        for kind, properties in resources:
            if kind == "AWS::IAM::Role":
                self.roles[properties["RoleName"]] = {
                    "trust": statements(properties["AssumeRolePolicyDocument"]),
                    "policies": {one["PolicyName"]: statements(one["PolicyDocument"]) for one in properties.get("Policies", [])},
                }
        for kind, properties in resources:
            if kind == "AWS::IAM::Policy":
                for role in properties["Roles"]:
                    if role not in self.roles:
                        self.problems.append(f"the policy {properties['PolicyName']} is for a role that is not there: {role}")
                        continue
                    policies = self.roles[role]["policies"]
                    if properties["PolicyName"] in policies:
                        self.problems.append(f"{role} has two policies {properties['PolicyName']}")
                    policies[properties["PolicyName"]] = statements(properties["PolicyDocument"])
        for kind, properties in resources:
            if kind in ("AWS::IAM::Role", "AWS::IAM::Policy"):
                continue
            if kind not in FORMS:
                self.problems.append(f"{kind} is nothing that this test can compare")
                continue
            try:
                for name, form in FORMS[kind](dict(properties)):
                    if name in self.parts:
                        self.problems.append(f"{name} is there twice")
                    self.parts[name] = form
            except (KeyError, TypeError, ValueError) as error:
                self.problems.append(f"{kind} {properties}: {error!r}")
        for name in self.names("function"):
            role = self.parts[f"function {name}"].pop("Role").rsplit("/", 1)[-1]
            self.parts[f"role of {name}"] = self.roles.get(role, {})
            if role not in self.roles:
                self.problems.append(f"the function {name} has a role that is not there: {role}")
        self.parts["outputs"] = outputs

    def names(self, what: str) -> list:
        return sorted(part.removeprefix(f"{what} ") for part in self.parts if part.startswith(f"{what} "))

    def each(self, what: str):
        return [(name, self.parts[f"{what} {name}"]) for name in self.names(what)]

    def allowed(self, function: str, action: str) -> set:
        """The resources on which the function may do it."""
        policies = self.parts.get(f"role of {function}", {}).get("policies", {})
        every = [statement for policy in policies.values() for statement in policy]
        return {
            resource for statement in every if statement["Effect"] == "Allow"
            and any(fnmatch.fnmatchcase(action, pattern) for pattern in statement["Action"])
            for resource in statement["Resource"]
        }


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def statements(document) -> list:
    """A policy's statements, whatever order they and what is in them have."""
    document = json.loads(document) if isinstance(document, str) else document
    if document.get("Version") != "2012-10-17":
        raise ValueError(f"a policy of version {document.get('Version')}")
    forms = []
    for statement in listed(document["Statement"]):
        form = dict(statement)
        for name in ("Action", "Resource"):
            if name in form:
                form[name] = sorted(listed(form[name]))
        forms.append(form)
    return sorted(forms, key=lambda form: json.dumps(form, sort_keys=True))


def plain(name: str, *also):
    """The form of what is compared as it stands. `also` are names of properties that make the part's name with it."""

    def form(properties):
        label = " ".join([name, *(str(properties[one]) for one in also)])
        yield label, properties

    return form


def own(name: str) -> str:
    """The name within the stack."""
    return name.rsplit(":", 1)[-1].rsplit("/", 1)[-1].removeprefix(f"{NAME}-")


def queue(properties):
    redrive = properties.get("RedrivePolicy")
    if isinstance(redrive, str):
        properties["RedrivePolicy"] = json.loads(redrive)
    properties.setdefault("VisibilityTimeout", 30)
    yield f"queue {own(properties['QueueName'])}", properties


def queue_policy(properties):
    for name in properties["Queues"]:
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name.rsplit('/', 1)[-1]}"
        # What is not about this queue says nothing.
        about = [
            statement for statement in statements(properties["PolicyDocument"])
            if any(fnmatch.fnmatchcase(arn, pattern) for pattern in statement["Resource"])
        ]
        if about:
            yield f"queue-policy {own(name)}", {"Statement": about}


def function(properties):
    # Where the code lies is each flavour's own affair, and so is who says that it made it.
    for ignored in ("Code", "Tags"):
        properties.pop(ignored, None)
    properties["Timeout"], properties["MemorySize"] = int(properties["Timeout"]), int(properties["MemorySize"])
    properties.setdefault("EphemeralStorage", {"Size": 512})
    if "ReservedConcurrentExecutions" in properties:
        properties["ReservedConcurrentExecutions"] = int(properties["ReservedConcurrentExecutions"])
    # An empty variable counts as none (shared/src/environment.rs).
    variables = properties["Environment"]["Variables"]
    if variables != LATER:
        properties["Environment"] = {name: value for name, value in variables.items() if value != ""}
    else:
        properties["Environment"] = LATER
    yield f"function {own(properties['FunctionName'])}", properties


def mapping(properties):
    properties["EventSourceArn"] = own(properties["EventSourceArn"])
    properties["FunctionName"] = own(properties["FunctionName"])
    properties["ScalingConfig"] = {name: int(value) for name, value in properties["ScalingConfig"].items()}
    yield f"mapping {properties['FunctionName']}", properties


def bucket(properties):
    rules = properties["LifecycleConfiguration"]["Rules"]
    for rule in rules:
        for name in rule:
            if name.endswith("InDays"):
                rule[name] = int(rule[name])
    properties["LifecycleConfiguration"] = {rule["Id"]: rule for rule in rules}
    if "CorsConfiguration" in properties:
        rules = properties["CorsConfiguration"]["CorsRules"]
        properties["CorsConfiguration"] = {"CorsRules": [{name: sorted(value) for name, value in rule.items()} for rule in rules]}
    notifications = properties.pop("NotificationConfiguration")["QueueConfigurations"]
    yield "bucket", properties
    for one in notifications:
        rules = one["Filter"]["S3Key"]["Rules"]
        filters = {rule["Name"]: rule["Value"] for rule in rules}
        yield f"notification {filters.pop('prefix')}", {"Event": one["Event"], "Queue": own(one["Queue"]), "filters": filters}


def table(properties):
    properties["AttributeDefinitions"] = {one["AttributeName"]: one["AttributeType"] for one in properties["AttributeDefinitions"]}
    indices = {}
    for index in properties["GlobalSecondaryIndexes"]:
        projection = dict(index["Projection"])
        if "NonKeyAttributes" in projection:
            projection["NonKeyAttributes"] = sorted(projection["NonKeyAttributes"])
        indices[index["IndexName"]] = {"KeySchema": index["KeySchema"], "Projection": projection}
    properties["GlobalSecondaryIndexes"] = indices
    recovery = properties["PointInTimeRecoverySpecification"]
    recovery["PointInTimeRecoveryEnabled"] = recovery["PointInTimeRecoveryEnabled"] in (True, "true")
    # Off is how it is unless somebody says otherwise: encrypted with a key that belongs to DynamoDB.
    if properties.get("SSESpecification") == {"SSEEnabled": False}:
        del properties["SSESpecification"]
    yield "table", properties


def alarm(properties):
    properties.pop("AlarmName", None)
    dimensions = {one["Name"]: one["Value"] for one in properties["Dimensions"]}
    properties["Dimensions"] = dimensions
    properties["Threshold"] = float(properties["Threshold"])
    about = " ".join(own(value) for value in dimensions.values())
    yield f"alarm {properties['Namespace']} {properties['MetricName']} {about}", properties


def rule(properties):
    properties.pop("Name", None)
    properties["Targets"] = [own(one["Arn"]) for one in properties["Targets"]]
    yield f"schedule {' '.join(properties['Targets'])}", properties


def permission(properties):
    properties["FunctionName"] = own(properties["FunctionName"])
    # Which rule it is: its name is generated in one flavour.
    if "SourceArn" in properties:
        properties["SourceArn"] = properties["SourceArn"].rsplit("/", 1)[0]
    yield f"permission {properties['FunctionName']} {properties['Action']} {properties['Principal']}", properties


def url(properties):
    properties["TargetFunctionArn"] = own(properties["TargetFunctionArn"])
    yield f"url {properties['TargetFunctionArn']}", properties


def bucket_policy(properties):
    yield "bucket-policy", {"Bucket": properties["Bucket"], "Statement": statements(properties["PolicyDocument"])}


def logs(properties):
    properties["RetentionInDays"] = int(properties["RetentionInDays"])
    yield f"logs {own(properties['LogGroupName'])}", properties


def dashboard(properties):
    body = json.loads(properties["DashboardBody"])
    widgets = {widget["properties"]["title"]: widget for widget in body.pop("widgets")}
    yield f"dashboard {properties['DashboardName']}", body | widgets


FORMS = {
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
    "AWS::Lambda::Function": function,
    "AWS::Lambda::EventSourceMapping": mapping,
    "AWS::Lambda::Permission": permission,
    "AWS::Lambda::Url": url,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": bucket_policy,
    "AWS::DynamoDB::Table": table,
    "AWS::Logs::LogGroup": logs,
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::Events::Rule": rule,
}


def differences(one: Stack, other: Stack) -> list:
    """What differs, in sentences."""
    found = []
    for name in sorted(one.parts.keys() | other.parts.keys()):
        for here, there in ((one, other), (other, one)):
            if name in here.parts and name not in there.parts:
                found.append(f"{name}: {here.flavour} has it, {there.flavour} does not")
        if name in one.parts and name in other.parts:
            found += [f"{name}{where}: {left} with {one.flavour}, {right} with {other.flavour}"
                      for where, left, right in within(one.parts[name], other.parts[name])]
    return found


def within(left, right, where=""):
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            yield from within(left.get(name, "nothing"), right.get(name, "nothing"), f"{where}.{name}")
    elif left != right and not is_known_in_part(left, right) and not is_known_in_part(right, left):
        yield where, left, right


def is_known_in_part(whole, parts) -> bool:
    """Terraform does not know variables of which one is known later; with SAM it has to be one such variable."""
    return whole == LATER and isinstance(parts, dict) and LATER in parts.values()
