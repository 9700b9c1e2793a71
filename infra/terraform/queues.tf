# The queues, and what puts uploads into them.

resource "aws_sqs_queue" "work" {
  for_each = local.queues

  name = "${var.name}-${each.key}"
  # Six times the function's time-out: no message is delivered again while it is worked on.
  visibility_timeout_seconds = each.key == "collect" ? 5400 : 900
  message_retention_seconds  = 345600
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = "${local.sqs}:${aws_sqs_queue.dead_letters[each.key].name}"
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.queues

  name                      = "${var.name}-${each.key}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "uploads" {
  for_each = local.submitters

  queue_url = aws_sqs_queue.work[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.submits
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = local.bucket }
      }
    }]
  })
}

resource "aws_s3_bucket_notification" "uploads" {
  # S3 asks the queues whether it may send.
  depends_on = [aws_sqs_queue_policy.uploads]

  bucket = module.kept.bucket

  dynamic "queue" {
    for_each = var.providers_used

    content {
      events        = ["s3:ObjectCreated:*"]
      queue_arn     = "${local.sqs}:${aws_sqs_queue.work["submit-${queue.value}"].name}"
      filter_prefix = "uploads/${queue.value}/"
    }
  }
}

resource "aws_s3_bucket_policy" "encrypted_connections" {
  bucket = module.kept.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncryptedConnections"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket, "${local.bucket}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
