"""A stack against the code: what an emulator is too lenient for."""

import re

from code_facts import Code
from stack import ACCOUNT, LATER, REGION, SECRETS_PATH, Stack

PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{SECRETS_PATH}/"


def against_the_code(stack: Stack, code: Code, everything_set: bool) -> list:
    found = list(stack.problems)
    for check in (functions, variables, secrets, rights, queues, mappings, notifications, browsers, table, alarms, outputs):
        found += check(stack, code, everything_set)
    return found


def functions(stack, code, everything_set):
    here = set(stack.names("function"))
    for name in here - code.functions.keys():
        yield f"function {name}: the project has none of that name"
    if everything_set:
        for name in code.functions.keys() - here:
            yield f"function {name}: the project has it, and the stack does not"
    for name, function in stack.each("function"):
        if function["Handler"] != "bootstrap" or function["Runtime"] != "provided.al2023":
            yield f"function {name}: Rust is run as bootstrap on provided.al2023"
        is_about_an_attempt = name == "poller" or name in code.submit_queues.values()
        if is_about_an_attempt and function["Timeout"] >= code.lease_s:
            yield f"function {name}: its time-out, {function['Timeout']} s, is not below the lease, {code.lease_s} s"


def variables(stack, code, everything_set):
    for name, function in stack.each("function"):
        if name not in code.functions or function["Environment"] == LATER:
            continue
        reads, given = code.functions[name], function["Environment"].keys()
        for variable in sorted(reads.required - given):
            yield f"function {name}: it needs {variable} and is not given it"
        if everything_set:
            for variable in sorted(reads.optional - given):
                yield f"function {name}: it reads {variable}, and nobody can set it"
        for variable in sorted(given - reads.required - reads.optional):
            what = "a secret" if variable in code.every_secret else "a variable"
            yield f"function {name}: it is given {variable}, {what} that it does not read there"


def secrets(stack, code, _):
    for name in stack.names("function"):
        if name not in code.functions:
            continue
        needs, may = code.functions[name].secrets, set()
        for resource in stack.allowed(name, "ssm:GetParameters"):
            if resource.startswith(PARAMETERS):
                may.add(resource.removeprefix(PARAMETERS))
            else:
                yield f"function {name}: it may read {resource}, which is no secret of this stack"
        for secret in sorted(needs - may):
            yield f"function {name}: it needs the secret {secret} and may not read it"
        for secret in sorted(may - needs):
            yield f"function {name}: it may read the secret {secret} and does not need it"
        for action in ("ssm:GetParameter", "ssm:GetParametersByPath", "ssm:GetParameterHistory"):
            for resource in stack.allowed(name, action):
                yield f"function {name}: it may {action} on {resource} and never does"


# What no function does: images and jobs go by the bucket's rules and the table's TTL alone, and nobody reads whole tables.
NEVER = [
    "dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:Scan", "s3:DeleteObject", "s3:DeleteObjectVersion",
    "s3:PutBucketPolicy", "sqs:PurgeQueue", "iam:PassRole",
]


def rights(stack, code, _):
    for name in stack.names("function"):
        for action in NEVER:
            for resource in stack.allowed(name, action):
                yield f"function {name}: it may {action} on {resource} and never does"
        # People put by its leave. Could it put elsewhere, they could alter what has been paid for.
        if name in code.functions and code.functions[name].signs_for_uploads:
            below = f"arn:aws:s3:::{stack.parts['bucket']['BucketName']}/uploads/*"
            for resource in sorted(stack.allowed(name, "s3:PutObject") - {below}):
                yield f"function {name}: it may put to {resource}, and people may put no more than uploads"


def queues(stack, code, _):
    here = dict(stack.each("queue"))
    wanted = {code.collect_queue} | {
        queue for queue in code.submit_queues.values() if f"function {queue}" in stack.parts
    }
    for name in wanted - here.keys():
        yield f"queue {name}: the code sends to it, and the stack does not have it"
    for name, queue in here.items():
        if name not in wanted:
            continue
        redrive = queue.get("RedrivePolicy")
        if not redrive:
            yield f"queue {name}: it has no dead-letter queue"
            continue
        if redrive["deadLetterTargetArn"].rsplit(":", 1)[-1] not in {one["QueueName"] for one in here.values()}:
            yield f"queue {name}: its dead-letter queue is not in the stack"
        if redrive["maxReceiveCount"] != code.most_deliveries:
            yield f"queue {name}: {redrive['maxReceiveCount']} deliveries, and the code counts on {code.most_deliveries}"


def mappings(stack, code, _):
    here = dict(stack.each("queue"))
    work = set(stack.names("function")) & (set(code.submit_queues.values()) | {"collector"})
    for name in sorted(work - set(stack.names("mapping"))):
        yield f"function {name}: no queue starts it"
    for name, mapping in stack.each("mapping"):
        function, queue = stack.parts.get(f"function {name}"), here.get(mapping["EventSourceArn"])
        if function is None or queue is None:
            yield f"mapping {name}: its queue {mapping['EventSourceArn']} or its function is not in the stack"
            continue
        own = code.collect_queue if name == "collector" else name
        if mapping["EventSourceArn"] != own:
            yield f"mapping {name}: its queue is {mapping['EventSourceArn']}, and not {own}"
        if queue["VisibilityTimeout"] < 6 * function["Timeout"]:
            yield (f"queue {mapping['EventSourceArn']}: its visibility time-out, {queue['VisibilityTimeout']} s, is below "
                   f"six times the function's time-out, {6 * function['Timeout']} s")
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"mapping {name}: the function answers with ReportBatchItemFailures, and nobody listens"
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue['QueueName']}"
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
            if arn not in stack.allowed(name, action):
                yield f"function {name}: it may not {action} on its queue"


def notifications(stack, code, _):
    prefixes = dict(stack.each("notification"))
    for provider, queue in code.submit_queues.items():
        if f"function {queue}" not in stack.parts:
            continue
        notification = prefixes.pop(f"uploads/{provider}/", {})
        if notification.get("Queue") != queue:
            yield f"bucket: uploads/{provider}/ is not told to {queue}"
        if f"queue-policy {queue}" not in stack.parts:
            yield f"queue {queue}: S3 may not send to it"
    for prefix in prefixes:
        yield f"bucket: {prefix} is told to somebody, and nobody needs it"


def browsers(stack, code, _):
    rules = stack.parts["bucket"].get("CorsConfiguration", {}).get("CorsRules", [])
    may_put = any("PUT" in rule["AllowedMethods"] and "*" in rule["AllowedOrigins"] for rule in rules)
    for name in stack.names("function"):
        if name in code.functions and code.functions[name].signs_for_uploads and not may_put:
            yield f"bucket: {name} signs addresses to put to, and its CORS lets no browser put there"


def table(stack, code, _):
    here, names = stack.parts["table"], code.table
    if here["AttributeDefinitions"] != code.attributes:
        yield f"table: attributes {here['AttributeDefinitions']}, and the code has {code.attributes}"
    if here["KeySchema"] != [{"AttributeName": names["ID"], "KeyType": "HASH"}]:
        yield f"table: its key is {here['KeySchema']}, and not {names['ID']}"
    if here["GlobalSecondaryIndexes"] != code.indices:
        yield f"table: its indices are {here['GlobalSecondaryIndexes']}, and the code's are {code.indices}"
    if here.get("TimeToLiveSpecification") != {"AttributeName": names["TTL_ATTRIBUTE"], "Enabled": True}:
        yield f"table: rows end by {here.get('TimeToLiveSpecification')}, and the code says {names['TTL_ATTRIBUTE']}"


def alarms(stack, code, _):
    for name, alarm in stack.each("alarm"):
        if alarm["Namespace"] == "darkroom" and alarm["MetricName"] not in code.metrics:
            yield f"alarm {name}: no function writes this number (shared/src/telemetry/metrics.rs)"
    for title, widget in ((name, str(part)) for name, part in stack.parts.items() if name.startswith("dashboard ")):
        for metric in sorted(set(re.findall(r'\{darkroom,provider\} MetricName="(\w+)"', widget)) - code.metrics):
            yield f"{title}: no function writes {metric} (shared/src/telemetry/metrics.rs)"


def outputs(stack, code, _):
    prefix = stack.outputs["QueueUrlPrefix"]
    for name, function in stack.each("function"):
        if function["Environment"] != LATER and function["Environment"].get("DARKROOM_QUEUE_URL_PREFIX") != prefix:
            yield f"function {name}: its DARKROOM_QUEUE_URL_PREFIX is not the stack's, {prefix}"
    for name, queue in stack.each("queue"):
        url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue['QueueName']}"
        if f"{prefix}{name}" != url:
            yield f"queue {name}: its address is {url}, and the code sends to {prefix}{name}"
