"""The Terraform module, as it would be deployed: what a plan says, put into the words of CloudFormation. No AWS and no
emulator is needed: all that the provider asks for a plan is whose account it is."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading
import zipfile

from stack import ACCOUNT, LATER, NAME, Stack

ROOT = pathlib.Path(__file__).resolve().parents[2]


def mirror() -> pathlib.Path | None:
    """Where the AWS provider lies on this machine."""
    places = [os.environ.get("TF_PLUGIN_MIRROR"), "/opt/tf-plugins", "/usr/share/terraform/plugins",
              "/usr/local/share/terraform/plugins", os.path.expanduser("~/.terraform.d/plugins")]
    for place in filter(None, places):
        if any(pathlib.Path(place).glob("registry.terraform.io/hashicorp/aws/*")):
            return pathlib.Path(place)
    return None


def root_module(folder: pathlib.Path, module: pathlib.Path, plugins: pathlib.Path) -> dict:
    """Copies main.tf to `folder`, where it takes the module from `module`; returns what terraform's environment needs."""
    text = (ROOT / "infra/test/terraform/main.tf").read_text()
    (folder / "main.tf").write_text(text.replace("../../terraform", str(module)))
    settings = folder / "settings.tfrc"
    settings.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{plugins}" }} }}\n')
    return {"TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1"}


class WhoAmI(http.server.BaseHTTPRequestHandler):
    """sts:GetCallerIdentity, and nothing else."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Planner:
    """Plans the module, or a copy of it with something changed."""

    def __init__(self, folder: pathlib.Path, plugins: pathlib.Path):
        self.folder, self.module = folder / "root", folder / "module"
        self.folder.mkdir()
        shutil.copytree(ROOT / "infra/terraform", self.module, ignore=shutil.ignore_patterns(".terraform*"))
        self.packages = folder / "packages"
        for function in (ROOT / "functions").iterdir():
            (self.packages / function.name).mkdir(parents=True)
            with zipfile.ZipFile(self.packages / function.name / "bootstrap.zip", "w") as package:
                package.writestr("bootstrap", function.name)
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = own | root_module(self.folder, self.module, plugins)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WhoAmI)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.run("init", "-input=false", "-no-color")

    def run(self, *command) -> str:
        done = subprocess.run(["terraform", *command], env=self.environment, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"terraform {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout

    @contextlib.contextmanager
    def changed(self, file: str, old: str, new: str):
        path = self.module / file
        text = path.read_text()
        if old not in text:
            raise ValueError(f"{file} does not hold {old!r}")
        path.write_text(text.replace(old, new))
        try:
            yield
        finally:
            path.write_text(text)

    def stack(self, settings: dict) -> Stack:
        values = settings | {
            "endpoint": f"http://127.0.0.1:{self.server.server_port}", "name": NAME, "packages": str(self.packages),
        }
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(values))
        self.run("plan", "-input=false", "-no-color", "-refresh=false", "-out=plan")
        plan = json.loads(self.run("show", "-json", "plan"))
        changes = [one for one in plan["resource_changes"] if one["mode"] == "managed"]
        resources = [(one, known(one["change"]["after"], one["change"]["after_unknown"])) for one in changes]
        outputs = {
            "".join(word.capitalize() for word in name.split("_")): LATER if one.get("after_unknown") is True else one["after"]
            for name, one in plan["output_changes"].items()
        }
        return stack_of(resources, outputs)


def known(value, unknown):
    """The value, with a word in place of what a plan does not know."""
    if unknown is True:
        return LATER
    if isinstance(unknown, dict):
        value = dict(value or {})
        for name, one in unknown.items():
            if one or name in value:
                value[name] = known(value.get(name), one)
        return value
    if isinstance(unknown, list) and isinstance(value, list):
        return [known(*pair) for pair in zip(value, unknown)]
    return value


# What each kind of resource is set to unless somebody says otherwise. Anything else has to be compared.
USUAL = {
    "aws_sqs_queue": {"delay_seconds": 0, "max_message_size": 262144, "receive_wait_time_seconds": 0},
    "aws_lambda_function": {"package_type": "Zip"},
    "aws_lambda_event_source_mapping": {"enabled": True},
    "aws_lambda_function_url": {"invoke_mode": "BUFFERED"},
    "aws_iam_role": {"max_session_duration": 3600, "path": "/"},
    "aws_cloudwatch_event_rule": {"event_bus_name": "default"},
    "aws_cloudwatch_event_target": {"event_bus_name": "default"},
    "aws_cloudwatch_metric_alarm": {"actions_enabled": True},
    "aws_cloudwatch_dashboard": {},
    "aws_s3_bucket_lifecycle_configuration": {"transition_default_minimum_object_size": "all_storage_classes_128K"},
}


class Arguments:
    """A resource's arguments. What was not asked for and is not as usual is a problem."""

    def __init__(self, address: str, kind: str, values: dict):
        self.address, self.kind, self.values = address, kind, dict(values)

    def __call__(self, name):
        value = self.values.pop(name, None)
        return None if value in (LATER, "", [], {}) and name != "function_url" else value

    def block(self, name) -> dict:
        blocks = self(name) or [{}]
        return {one: value for one, value in blocks[0].items() if value not in (None, "", [], LATER)}

    def left(self) -> dict:
        usual = USUAL.get(self.kind, {})
        return {
            name: value for name, value in self.values.items()
            if value not in (None, "", [], {}, False, LATER) and usual.get(name) != value
        }


def stack_of(resources: list, outputs: dict) -> Stack:
    made, unread, pieces = [], [], {}
    for change, values in resources:
        kind, arguments = change["type"], Arguments(change["address"], change["type"], values)
        if kind in BUCKET:
            pieces |= BUCKET[kind](arguments)
        elif kind in MAKERS:
            made += MAKERS[kind](arguments, change)
        else:
            unread.append(f"{change['address']} is nothing that this test can compare")
            continue
        unread += [f"{change['address']}: {name} = {value} is not compared" for name, value in arguments.left().items()]
    if pieces:
        made.append(("AWS::S3::Bucket", pieces))
    # A rule and its targets are one thing in CloudFormation, and two here.
    rules = {properties["Name"]: properties for kind, properties in made if kind == "AWS::Events::Rule"}
    for kind, properties in made:
        if kind == "target":
            rules[properties["Rule"]].setdefault("Targets", []).append({"Arn": properties["Arn"]})
    stack = Stack("Terraform", [one for one in made if one[0] != "target"], outputs)
    stack.problems += unread
    return stack


def present(**properties) -> dict:
    return {name: value for name, value in properties.items() if value is not None}


def queue(a, _):
    return [("AWS::SQS::Queue", present(
        QueueName=a("name"), VisibilityTimeout=a("visibility_timeout_seconds"), RedrivePolicy=a("redrive_policy"),
        MessageRetentionPeriod=a("message_retention_seconds"), SqsManagedSseEnabled=a("sqs_managed_sse_enabled"),
    ))]


def queue_policy(a, change):
    # The queue's address is not known yet; its key is.
    a("queue_url")
    return [("AWS::SQS::QueuePolicy", {"Queues": [f"{NAME}-{change['index']}"], "PolicyDocument": a("policy")})]


def function(a, _):
    for code in ("filename", "source_code_hash"):
        a(code)
    logging = a.block("logging_config")
    size = a.block("ephemeral_storage").get("size")
    most_at_once = a("reserved_concurrent_executions")
    return [("AWS::Lambda::Function", present(
        FunctionName=a("function_name"), Description=a("description"), Role=a("role"), Runtime=a("runtime"),
        Handler=a("handler"), Architectures=a("architectures"), Timeout=a("timeout"), MemorySize=a("memory_size"),
        EphemeralStorage={"Size": size} if size else None,
        ReservedConcurrentExecutions=None if most_at_once == -1 else most_at_once,
        # Where one value is not known yet, the provider says nothing of the others.
        Environment={"Variables": a.block("environment").get("variables", LATER)},
        LoggingConfig={"LogFormat": logging["log_format"], "LogGroup": logging["log_group"]},
    ))]


def mapping(a, _):
    return [("AWS::Lambda::EventSourceMapping", present(
        EventSourceArn=a("event_source_arn"), FunctionName=a("function_name"), BatchSize=a("batch_size"),
        FunctionResponseTypes=a("function_response_types"),
        ScalingConfig={"MaximumConcurrency": a.block("scaling_config")["maximum_concurrency"]},
    ))]


def permission(a, _):
    a("statement_id")
    return [("AWS::Lambda::Permission", present(
        FunctionName=a("function_name"), Action=a("action"), Principal=a("principal"), SourceArn=a("source_arn"),
        FunctionUrlAuthType=a("function_url_auth_type"),
    ))]


def nested_stack(a, _):
    """What only CloudFormation can say is in its words already."""
    a("name")
    template = json.loads(a("template_body"))
    return [(one["Type"], one["Properties"]) for one in template["Resources"].values()]


def url(a, _):
    return [("AWS::Lambda::Url", {"TargetFunctionArn": a("function_name"), "AuthType": a("authorization_type")})]


def role(a, _):
    return [("AWS::IAM::Role", {"RoleName": a("name"), "AssumeRolePolicyDocument": a("assume_role_policy")})]


def role_policy(a, _):
    return [("AWS::IAM::Policy", {"PolicyName": a("name"), "Roles": [a("role")], "PolicyDocument": a("policy")})]


def logs(a, _):
    return [("AWS::Logs::LogGroup", {"LogGroupName": a("name"), "RetentionInDays": a("retention_in_days")})]


def alarm(a, _):
    return [("AWS::CloudWatch::Alarm", present(
        AlarmName=a("alarm_name"), AlarmDescription=a("alarm_description"), Namespace=a("namespace"),
        MetricName=a("metric_name"), Statistic=a("statistic"), Period=a("period"), Threshold=a("threshold"),
        Dimensions=[{"Name": name, "Value": value} for name, value in (a("dimensions") or {}).items()],
        EvaluationPeriods=a("evaluation_periods"), ComparisonOperator=a("comparison_operator"),
        TreatMissingData=a("treat_missing_data"), AlarmActions=a("alarm_actions"), OKActions=a("ok_actions"),
    ))]


def dashboard(a, _):
    return [("AWS::CloudWatch::Dashboard", {"DashboardName": a("dashboard_name"), "DashboardBody": a("dashboard_body")})]


def rule(a, _):
    return [("AWS::Events::Rule", present(
        Name=a("name"), Description=a("description"), ScheduleExpression=a("schedule_expression"),
    ))]


def target(a, _):
    return [("target", {"Rule": a("rule"), "Arn": a("arn")})]


def table(a, _):
    indices = [{
        "IndexName": one["name"],
        "KeySchema": [{"AttributeName": one["hash_key"], "KeyType": "HASH"}, {"AttributeName": one["range_key"], "KeyType": "RANGE"}],
        "Projection": present(ProjectionType=one["projection_type"], NonKeyAttributes=one.get("non_key_attributes") or None),
    } for one in a("global_secondary_index") or []]
    ttl = a.block("ttl")
    recovery = a.block("point_in_time_recovery")
    return [("AWS::DynamoDB::Table", present(
        TableName=a("name"), BillingMode=a("billing_mode"), GlobalSecondaryIndexes=indices,
        KeySchema=[{"AttributeName": a("hash_key"), "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": one["name"], "AttributeType": one["type"]} for one in a("attribute")],
        TimeToLiveSpecification={"AttributeName": ttl["attribute_name"], "Enabled": ttl["enabled"]},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery["enabled"]},
        # Retain, as far as Terraform can say it.
        kept=a("deletion_protection_enabled"),
    ))]


def bucket_policy(a, _):
    return [("AWS::S3::BucketPolicy", {"Bucket": a("bucket"), "PolicyDocument": a("policy")})]


MAKERS = {
    "aws_sqs_queue": queue, "aws_sqs_queue_policy": queue_policy, "aws_lambda_function": function,
    "aws_lambda_event_source_mapping": mapping, "aws_lambda_permission": permission, "aws_lambda_function_url": url,
    "aws_cloudformation_stack": nested_stack, "aws_iam_role": role, "aws_iam_role_policy": role_policy,
    "aws_cloudwatch_log_group": logs, "aws_cloudwatch_metric_alarm": alarm, "aws_cloudwatch_dashboard": dashboard,
    "aws_cloudwatch_event_rule": rule, "aws_cloudwatch_event_target": target, "aws_dynamodb_table": table,
    "aws_s3_bucket_policy": bucket_policy,
}


def bucket(a):
    # Terraform deletes no bucket with anything in it, unless it is forced to.
    return {"BucketName": a("bucket"), "kept": not a("force_destroy")}


def encryption(a):
    a("bucket")
    rules = [one["apply_server_side_encryption_by_default"][0]["sse_algorithm"] for one in a("rule")]
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": one}} for one in rules
    ]}}


def public_access(a):
    a("bucket")
    return {"PublicAccessBlockConfiguration": {
        "BlockPublicAcls": a("block_public_acls"), "BlockPublicPolicy": a("block_public_policy"),
        "IgnorePublicAcls": a("ignore_public_acls"), "RestrictPublicBuckets": a("restrict_public_buckets"),
    }}


def ownership(a):
    a("bucket")
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": a.block("rule")["object_ownership"]}]}}


def versioning(a):
    a("bucket")
    return {"VersioningConfiguration": {"Status": a.block("versioning_configuration")["status"]}}


def lifecycle(a):
    a("bucket")
    rules = []
    for one in a("rule"):
        first = {name: value[0] for name, value in one.items() if isinstance(value, list) and value}
        rules.append(present(
            Id=one["id"], Status=one["status"], Prefix=first["filter"]["prefix"],
            ExpirationInDays=first.get("expiration", {}).get("days"),
            NoncurrentVersionExpiration={"NoncurrentDays": first["noncurrent_version_expiration"]["noncurrent_days"]}
            if "noncurrent_version_expiration" in first else None,
            AbortIncompleteMultipartUpload={
                "DaysAfterInitiation": first["abort_incomplete_multipart_upload"]["days_after_initiation"]
            } if "abort_incomplete_multipart_upload" in first else None,
        ))
    return {"LifecycleConfiguration": {"Rules": rules}}


def cors(a):
    a("bucket")
    rules = [present(
        AllowedMethods=one["allowed_methods"], AllowedOrigins=one["allowed_origins"], AllowedHeaders=one["allowed_headers"],
        ExposedHeaders=one["expose_headers"], MaxAge=one.get("max_age_seconds"),
    ) for one in a("cors_rule")]
    return {"CorsConfiguration": {"CorsRules": rules}}


def notifications(a):
    a("bucket")
    rules = []
    for one in a("queue"):
        event, = one["events"]
        filters = [{"Name": "prefix", "Value": one["filter_prefix"]}]
        if one.get("filter_suffix"):
            filters.append({"Name": "suffix", "Value": one["filter_suffix"]})
        rules.append({"Event": event, "Queue": one["queue_arn"], "Filter": {"S3Key": {"Rules": filters}}})
    return {"NotificationConfiguration": {"QueueConfigurations": rules}}


# A bucket is one thing in CloudFormation, and eight here.
BUCKET = {
    "aws_s3_bucket": bucket, "aws_s3_bucket_server_side_encryption_configuration": encryption,
    "aws_s3_bucket_public_access_block": public_access, "aws_s3_bucket_ownership_controls": ownership,
    "aws_s3_bucket_versioning": versioning, "aws_s3_bucket_lifecycle_configuration": lifecycle,
    "aws_s3_bucket_notification": notifications, "aws_s3_bucket_cors_configuration": cors,
}
