# What each function may do. The policies are apart and named after what they open, so that one can be taken away.

resource "aws_iam_role" "function" {
  for_each = local.functions

  # Roles are one set for all regions.
  name = "${var.name}-${each.key}-${local.region}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "logs" {
  for_each = local.functions

  name = "logs"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${aws_cloudwatch_log_group.function[each.key].name}:*"
    }]
  })
}

resource "aws_iam_role_policy" "queue" {
  for_each = local.queues

  name = "queue"
  role = aws_iam_role.function[each.value].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = "${local.sqs}:${aws_sqs_queue.work[each.key].name}"
    }]
  })
}

resource "aws_iam_role_policy" "table" {
  for_each = local.functions

  name = "table"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect = "Allow"
        Action = concat(
          ["dynamodb:GetItem", "dynamodb:UpdateItem"],
          each.key == "webhook" ? [] : ["dynamodb:PutItem"],
          each.key == "gallery" ? ["dynamodb:BatchGetItem"] : []
        )
        Resource = local.table
      }],
      contains(["webhook", "collector"], each.key) ? [] : [{
        Effect   = "Allow"
        Action   = ["dynamodb:Query"]
        Resource = concat(["${local.table}/index/due"], each.key == "gallery" ? ["${local.table}/index/newest"] : [])
      }]
    )
  })
}

resource "aws_iam_role_policy" "bucket" {
  for_each = setunion(local.submitters, ["collector"])

  name = "bucket"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Without it, what is not there looks like what is forbidden.
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = local.bucket
      },
      {
        Effect = "Allow"
        Action = ["s3:GetObject"]
        # The collector reads outputs for their thumbnails.
        Resource = concat(
          ["${local.bucket}/uploads/*", "${local.bucket}/steps/*"],
          each.key == "collector" ? ["${local.bucket}/results/*"] : []
        )
      },
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket}/steps/*", "${local.bucket}/results/*"]
      }
    ]
  })
}

# It writes the job.json of jobs that have failed.
resource "aws_iam_role_policy" "poller_bucket" {
  name = "bucket"
  role = aws_iam_role.function["poller"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = "${local.bucket}/results/*"
    }]
  })
}

# It shows all that there is, and what it puts is nothing but new uploads: no result can be altered from it. The addresses
# that it signs carry these very rights.
resource "aws_iam_role_policy" "gallery_bucket" {
  name = "bucket"
  role = aws_iam_role.function["gallery"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = local.bucket
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.bucket}/uploads/*", "${local.bucket}/steps/*", "${local.bucket}/results/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "${local.bucket}/uploads/*"
      }
    ]
  })
}

resource "aws_iam_role_policy" "wake_ups" {
  for_each = local.functions

  name = "wake-ups"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = concat([local.collect], each.key == "webhook" ? [] : [local.submits])
    }]
  })
}

resource "aws_iam_role_policy" "secrets" {
  for_each = local.secrets

  name = "secrets"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = [for name in each.value : "${local.parameter}/${name}"]
    }]
  })
}

resource "aws_iam_role_policy" "presets" {
  for_each = var.config_key == "" ? toset([]) : setunion(local.submitters, ["gallery"])

  name = "presets"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = "${local.bucket}/${var.config_key}"
    }]
  })
}
