"""The test of the test: copies are damaged, one after the other, and compare.py has to find each damage."""

import contextlib

from code_facts import Code, Sources
from compare import EVERYTHING, problems, settings
from terraform_stack import Planner

# Damages to the template: what it is, what stands there, what is put there, words of what has to be found, and whether
# only the comparison with Terraform can find it.
TEMPLATE_DAMAGES = [
    ("a function loses a right",
     "        - PolicyName: table\n"
     "          PolicyDocument:\n"
     '            Version: "2012-10-17"\n'
     "            Statement:\n"
     "              - Effect: Allow\n"
     "                Action: [dynamodb:GetItem, dynamodb:UpdateItem]\n"
     "                Resource: !GetAtt Table.Arn\n",
     "", "role of webhook.policies.table", True),
    ("a right on the wrong thing", 'Resource: !Sub "${Bucket.Arn}/results/*"',
     'Resource: !Sub "${Bucket.Arn}/result/*"', "role of poller.policies.bucket", True),
    ("a right for more than is needed", "Action: [dynamodb:GetItem, dynamodb:UpdateItem]",
     "Action: [dynamodb:GetItem, dynamodb:UpdateItem, dynamodb:Scan]", "role of webhook.policies.table", True),
    ("a misspelt property of a queue", "      VisibilityTimeout: 5400", "      VisibilityTimeOut: 5400",
     "queue collect: its visibility time-out, 30 s", False),
    ("a misspelt property of the bucket", "RestrictPublicBuckets", "RestrictPublicBucket",
     "bucket.PublicAccessBlockConfiguration", True),
    ("a visibility time-out that is too short", "      VisibilityTimeout: 5400", "      VisibilityTimeout: 900",
     "queue collect: its visibility time-out, 900 s, is below six times", False),
    ("a queue without dead letters",
     "      RedrivePolicy:\n"
     "        deadLetterTargetArn: !GetAtt CollectDeadLetters.Arn\n"
     "        maxReceiveCount: 5\n",
     "", "queue collect: it has no dead-letter queue", False),
    ("fewer deliveries than the code counts on", "maxReceiveCount: 5", "maxReceiveCount: 3", "3 deliveries", False),
    ("nobody listens to failures",
     "            BatchSize: 1\n            FunctionResponseTypes: [ReportBatchItemFailures]\n",
     "            BatchSize: 1\n", "mapping collector: the function answers with", False),
    ("a variable that is misspelt", "          IMGFACTORY_RATE: !Ref", "          IMGFACTORY_RATES: !Ref",
     "it reads IMGFACTORY_RATE, and nobody can set it", False),
    ("a secret that may not be read", "parameter${SecretsPath}/WATERMARK_TOKEN",
     "parameter${SecretsPath}/WATERMARK_TOKENS", "it needs the secret WATERMARK_TOKEN", False),
    ("another's secret", 'parameter${SecretsPath}/DARKROOM_CALLBACK_SECRET"\n\n  WebhookLogs',
     'parameter${SecretsPath}/VKCLOUD_TOKEN"\n\n  WebhookLogs',
     "function webhook: it may read the secret VKCLOUD_TOKEN", False),
    ("all secrets", 'parameter${SecretsPath}/IMGFACTORY_TOKEN"\n\n', 'parameter${SecretsPath}/*"\n\n',
     "submit-imgfactory: it needs the secret IMGFACTORY_TOKEN", False),
    ("a poller that outlives its lease", "      Timeout: 65", "      Timeout: 180",
     "function poller: its time-out, 180 s, is not below the lease", False),
    ("uploads to the wrong queue", "Value: uploads/imageban/", "Value: uploads/vkcloud/",
     "uploads/imageban/ is not told to submit-imageban", False),
    ("an index that the code does not know", "IndexName: due", "IndexName: dues", "table: its indices are", False),
    ("the index of newest jobs is missing",
     "        - IndexName: newest\n"
     "          KeySchema:\n"
     "            - { AttributeName: shelf, KeyType: HASH }\n"
     "            - { AttributeName: made_at, KeyType: RANGE }\n"
     "          Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [route, search, ended] }\n",
     "", "table: its indices are", False),
    ("an index without what lists are filtered by", "[route, search, ended]", "[route, search]", "table: its indices are",
     False),
    ("a gallery that may write results",
     '                Action: [s3:PutObject]\n                Resource: !Sub "${Bucket.Arn}/uploads/*"\n',
     '                Action: [s3:PutObject]\n                Resource: !Sub "${Bucket.Arn}/*"\n',
     "function gallery: it may put to arn:aws:s3:::darkroom-test-123456789012-us-east-1/*", False),
    ("a gallery that may delete",
     '                Action: [s3:PutObject]\n                Resource: !Sub "${Bucket.Arn}/uploads/*"\n',
     '                Action: [s3:PutObject, s3:DeleteObject]\n                Resource: !Sub "${Bucket.Arn}/uploads/*"\n',
     "function gallery: it may s3:DeleteObject", False),
    ("no CORS",
     "      CorsConfiguration:\n"
     "        CorsRules:\n"
     "          - AllowedMethods: [GET, PUT, HEAD]\n"
     '            AllowedOrigins: ["*"]\n'
     '            AllowedHeaders: ["*"]\n'
     "            ExposedHeaders: [ETag]\n",
     "", "bucket: gallery signs addresses to put to", False),
    ("thumbnails that stay for ever", "            Prefix: results/.thumbnails/\n            ExpirationInDays: 180\n",
     "            Prefix: results/.thumbnails/\n", "bucket.LifecycleConfiguration.thumbnails.ExpirationInDays", True),
    ("a gallery that reads another's secret", "parameter${SecretsPath}/DARKROOM_GALLERY_TOKEN",
     "parameter${SecretsPath}/DARKROOM_CALLBACK_SECRET", "gallery: it needs the secret DARKROOM_GALLERY_TOKEN", False),
    ("rows that end by another attribute", "AttributeName: expires_at", "AttributeName: expiry",
     "table: rows end by", False),
    ("a table that goes with the stack", "  Table:\n    Type: AWS::DynamoDB::Table\n    DeletionPolicy: Retain\n",
     "  Table:\n    Type: AWS::DynamoDB::Table\n", "table.kept", True),
    ("an alarm on another number", "Threshold: 3600", "Threshold: 360",
     "ApproximateAgeOfOldestMessage collect.Threshold", True),
    ("an alarm on a number that nobody writes", "MetricName: ResultLifeLeftPercent", "MetricName: ResultLifeLeft",
     "no function writes this number", False),
    ("another schedule", "rate(1 minute)", "rate(1 hour)", "schedule poller.ScheduleExpression", True),
    ("a Function URL that asks for AWS credentials", "AuthType: NONE", "AuthType: AWS_IAM", "url webhook.AuthType",
     True),
    ("less memory", "      MemorySize: 512", "      MemorySize: 128", "function collector.MemorySize", True),
    ("a smaller /tmp", "      EphemeralStorage: { Size: 5120 }\n", "", "function collector.EphemeralStorage", True),
    ("another function's code", "CodeUri: ../../functions/poller", "CodeUri: ../../functions/webhook",
     "is poller, and would be built from ../../functions/webhook", False),
    ("logs that are kept for ever", "      RetentionInDays: !Ref LogDays\n", "", "AWS::Logs::LogGroup", False),
]

# Damages to the module, with the file that they are done to. All of them go into one plan: a plan takes its time.
MODULE_DAMAGES = [
    ("a function loses a right", "roles.tf", '["dynamodb:GetItem", "dynamodb:UpdateItem"],',
     '["dynamodb:UpdateItem"],', "role of webhook.policies.table"),
    ("a gallery that may write results", "roles.tf", 'Resource = "${local.bucket}/uploads/*"', 'Resource = "${local.bucket}/*"',
     "function gallery: it may put to"),
    ("no CORS for uploads", "kept/main.tf", '["GET", "PUT", "HEAD"]', '["GET", "HEAD"]', "bucket: gallery signs addresses to put to"),
    ("a visibility time-out that is too short", "queues.tf", "5400 : 900", "5400 : 600",
     "queue submit-imgfactory: its visibility time-out, 600 s"),
    ("another's secret", "main.tf", 'webhook = ["DARKROOM_CALLBACK_SECRET"]',
     'webhook = ["DARKROOM_CALLBACK_SECRET", "WATERMARK_TOKEN"]',
     "function webhook: it may read the secret WATERMARK_TOKEN"),
    ("an argument that nobody compares", "queues.tf", "sqs_managed_sse_enabled   = true",
     "sqs_managed_sse_enabled   = true\n  delay_seconds = 30", "delay_seconds = 30 is not compared"),
]

# Changes to the code that a stack has to follow.
CODE_DAMAGES = [
    ("a new credential", "shared/src/provider/vkcloud/mod.rs", '"VKCLOUD_TOKEN", ',
     '"VKCLOUD_TOKEN", "VKCLOUD_SCOPE", ', "submit-vkcloud: it needs the secret VKCLOUD_SCOPE"),
    ("a new setting of a service", "shared/src/provider/watermark/config.rs",
     'environment.get("WATERMARK_FILE_FIELD")',
     'environment.get("WATERMARK_FILE_FIELD").or(environment.get("WATERMARK_FILE_NAME"))',
     "it reads WATERMARK_FILE_NAME, and nobody can set it"),
    ("a new variable for all", "shared/src/lambda.rs", 'environment.required("DARKROOM_QUEUE_URL_PREFIX")?',
     'environment.required("DARKROOM_QUEUE_URLS")?', "it needs DARKROOM_QUEUE_URLS and is not given it"),
    ("a setting that is renamed", "shared/src/config/mod.rs", 'named(provider, "DAILY")',
     'named(provider, "PER_DAY")', "it reads VKCLOUD_PER_DAY, and nobody can set it"),
    ("a shorter lease", "shared/src/job/schedule.rs", "lease: Duration::from_secs(180)",
     "lease: Duration::from_secs(120)",
     "function submit-fangtang: its time-out, 150 s, is not below the lease, 120 s"),
    ("another queue", "shared/src/store/queue.rs", 'f.write_str("collect")', 'f.write_str("results")',
     "queue results: the code sends to it"),
    ("a switch that is renamed", "shared/src/config/mod.rs", '"DARKROOM_THUMBNAILS"', '"DARKROOM_PREVIEWS"',
     "function collector: it reads DARKROOM_PREVIEWS, and nobody can set it"),
    ("another name of the token", "gallery/src/access/mod.rs", '"DARKROOM_GALLERY_TOKEN"', '"DARKROOM_GALLERY_KEY"',
     "function gallery: it needs the secret DARKROOM_GALLERY_KEY"),
    ("another list", "shared/src/store/table.rs", "[ROUTE, SEARCH, ENDED]", "[ROUTE, SEARCH, ENDED, TTL_ATTRIBUTE]",
     "table: its indices are"),
    ("another attribute", "shared/src/store/table.rs", 'TTL_ATTRIBUTE: &str = "expires_at"',
     'TTL_ATTRIBUTE: &str = "gone_at"', "the code says gone_at"),
]


def self_test(code: Code, template: str, plans: Planner | None) -> list:
    """The damages that are not found."""
    cases = settings(code)
    terraform = {case: plans.stack(values) for case, values in cases.items()} if plans else {}
    before = set(problems(cases, code, template, terraform))
    missed = []

    def judge(what, words, now):
        found = [one for one in now if one not in before and words in one]
        print(f"  {'found' if found else 'MISSED':<7} {what}" + (f": {found[0][:150]}" if found else ""), flush=True)
        if not found:
            missed.append(f"{what}: nothing was said of {words!r}")

    print("the template damaged")
    for what, old, new, words, needs_terraform in TEMPLATE_DAMAGES:
        if needs_terraform and not plans:
            print(f"  LEFT OUT {what}: needs terraform")
            continue
        if old not in template:
            missed.append(f"{what}: the template does not hold {old!r} any more")
            continue
        judge(what, words, problems(cases, code, template.replace(old, new), terraform))
    print("the code changed")
    for what, file, old, new, words in CODE_DAMAGES:
        judge(what, words, problems(cases, Code(Sources({file: [(old, new)]})), template, terraform))
    if plans:
        print("the module damaged")
        case = EVERYTHING
        with contextlib.ExitStack() as changes:
            for _, file, old, new, _ in MODULE_DAMAGES:
                changes.enter_context(plans.changed(file, old, new))
            damaged = problems({case: cases[case]}, code, template, {case: plans.stack(cases[case])})
        for what, _, _, _, words in MODULE_DAMAGES:
            judge(what, words, damaged)
    return missed
