# The functions and what starts them.

locals {
  runtime     = "provided.al2023"
  zip         = { for function in local.functions : function => "${var.packages}/${function}/bootstrap.zip" }
  environment = { for function in local.functions : function => merge(local.for_all, local.set[function]) }

  for_all = {
    DARKROOM_BUCKET           = module.kept.bucket
    DARKROOM_TABLE            = module.kept.table
    DARKROOM_QUEUE_URL_PREFIX = local.queue_url_prefix
    DARKROOM_THUMBNAILS       = var.thumbnails
    RUST_LOG                  = var.log_level
  }
  set = {
    for function in local.functions :
    function => { for name, value in var.environment : name => value if contains(local.optional[function], name) }
  }
  for_secrets = { DARKROOM_SECRETS_PATH = var.secrets_path }
  for_presets = var.config_key == "" ? {} : { DARKROOM_CONFIG = "s3://${module.kept.bucket}/${var.config_key}" }
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "submit" {
  for_each = var.providers_used

  function_name    = "${var.name}-submit-${each.key}"
  description      = "Submits uploads to ${each.key}"
  role             = "${local.role}/${aws_iam_role.function["submit-${each.key}"].name}"
  runtime          = local.runtime
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.zip["submit-${each.key}"]
  source_code_hash = filebase64sha256(local.zip["submit-${each.key}"])
  timeout          = 150
  memory_size      = 1024

  environment {
    variables = merge(
      local.environment["submit-${each.key}"], local.for_secrets, local.for_presets,
      each.key == "watermark" ? {
        DARKROOM_PUBLIC_URL = var.public_url == "" ? aws_lambda_function_url.webhook.function_url : var.public_url
      } : {}
    )
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function["submit-${each.key}"].name
  }
}

# The collector fetches results.
resource "aws_lambda_function" "collector" {
  function_name    = "${var.name}-collector"
  description      = "Fetches results into the bucket"
  role             = "${local.role}/${aws_iam_role.function["collector"].name}"
  runtime          = local.runtime
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.zip["collector"]
  source_code_hash = filebase64sha256(local.zip["collector"])
  timeout          = 900
  memory_size      = 512

  ephemeral_storage {
    size = 5120
  }

  environment {
    variables = local.environment["collector"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function["collector"].name
  }
}

# Lambda asks before it makes a mapping whether the function may read the queue.
resource "aws_lambda_event_source_mapping" "submit" {
  depends_on = [aws_iam_role_policy.queue]
  for_each   = var.providers_used

  event_source_arn        = "${local.sqs}:${aws_sqs_queue.work["submit-${each.key}"].name}"
  function_name           = aws_lambda_function.submit[each.key].function_name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.submit_concurrency
  }
}

resource "aws_lambda_event_source_mapping" "collect" {
  depends_on = [aws_iam_role_policy.queue]

  event_source_arn        = local.collect
  function_name           = aws_lambda_function.collector.function_name
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.collect_concurrency
  }
}

# The poller looks at due jobs and asks the services that do not call back.
resource "aws_lambda_function" "poller" {
  function_name    = "${var.name}-poller"
  description      = "Looks at due jobs, every minute"
  role             = "${local.role}/${aws_iam_role.function["poller"].name}"
  runtime          = local.runtime
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.zip["poller"]
  source_code_hash = filebase64sha256(local.zip["poller"])
  timeout          = 65
  memory_size      = 256

  environment {
    variables = merge(local.environment["poller"], local.for_secrets)
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function["poller"].name
  }
}

resource "aws_cloudwatch_event_rule" "every_minute" {
  name                = "${var.name}-poller"
  description         = "Looks at due jobs"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "poller" {
  rule = aws_cloudwatch_event_rule.every_minute.name
  arn  = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${aws_lambda_function.poller.function_name}"
}

resource "aws_lambda_permission" "schedule" {
  statement_id  = "EveryMinute"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.poller.function_name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${aws_cloudwatch_event_rule.every_minute.name}"
}

# The webhook takes callbacks. It can read neither the bucket nor any service's secret.
resource "aws_lambda_function" "webhook" {
  function_name    = "${var.name}-webhook"
  description      = "Takes the callbacks of services"
  role             = "${local.role}/${aws_iam_role.function["webhook"].name}"
  runtime          = local.runtime
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = local.zip["webhook"]
  source_code_hash = filebase64sha256(local.zip["webhook"])
  timeout          = 10
  memory_size      = 256

  environment {
    variables = merge(local.environment["webhook"], local.for_secrets)
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function["webhook"].name
  }
}

resource "aws_lambda_function_url" "webhook" {
  function_name = aws_lambda_function.webhook.function_name
  # The token in the path is what lets a caller in; docs/OPERATIONS.md, "Secrets".
  authorization_type = "NONE"
}

# The gallery shows people what happened to their images. It can read all of them, and writes nothing into the bucket but
# new uploads. Without its token in the parameter store it is off.
resource "aws_lambda_function" "gallery" {
  function_name                  = "${var.name}-gallery"
  description                    = "Shows people what happened to their images"
  role                           = "${local.role}/${aws_iam_role.function["gallery"].name}"
  runtime                        = local.runtime
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = local.zip["gallery"]
  source_code_hash               = filebase64sha256(local.zip["gallery"])
  timeout                        = 29
  memory_size                    = 512
  reserved_concurrent_executions = var.gallery_concurrency == null ? -1 : var.gallery_concurrency

  environment {
    variables = merge(local.environment["gallery"], local.for_secrets, local.for_presets)
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function["gallery"].name
  }
}

resource "aws_lambda_function_url" "gallery" {
  function_name = aws_lambda_function.gallery.function_name
  # Whoever has the token is let in, by the function itself; docs/OPERATIONS.md, "The gallery on AWS".
  authorization_type = "NONE"
}

# The functions that have a Function URL which anyone may call.
locals {
  open = {
    gallery = aws_lambda_function.gallery.function_name
    webhook = aws_lambda_function.webhook.function_name
  }
}

resource "aws_lambda_permission" "url" {
  for_each = local.open

  statement_id           = "AnyoneMayCallTheUrl"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = each.value
  principal              = "*"
  function_url_auth_type = "NONE"
}

# Since October 2025 a Function URL needs a second right, to invoke the function by way of the URL. Version 5 of the AWS
# provider cannot say "by way of the URL"; later ones can, and so can CloudFormation. Without those
# words, anyone with an AWS account could invoke the function past its URL.
resource "aws_cloudformation_stack" "url" {
  for_each = local.open

  name = "${var.name}-${each.key}-url"
  template_body = jsonencode({
    Description = "The right of anyone to invoke ${each.value} by way of its URL. Belongs to the Terraform module."
    Resources = {
      Permission = {
        Type = "AWS::Lambda::Permission"
        Properties = {
          Action                = "lambda:InvokeFunction"
          FunctionName          = each.value
          Principal             = "*"
          InvokedViaFunctionUrl = true
        }
      }
    }
  })
}

# What these were called while the webhook alone had a Function URL.
moved {
  from = aws_lambda_permission.webhook_url
  to   = aws_lambda_permission.url["webhook"]
}

moved {
  from = aws_cloudformation_stack.webhook_url
  to   = aws_cloudformation_stack.url["webhook"]
}
