# What calls a person, and what shows them what happens.

locals {
  queue_alarms = merge([
    for queue in keys(local.queues) : {
      "${queue}-dead-letters" = {
        description = "A message of ${queue} could not be handled. docs/OPERATIONS.md, 'Dead letters'."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = aws_sqs_queue.dead_letters[queue].name }
      }
      "${queue}-oldest-message" = {
        description = "A message of ${queue} has waited for an hour: the function fails, or there is more work than it may do at once."
        namespace   = "AWS/SQS"
        metric      = "ApproximateAgeOfOldestMessage"
        dimensions  = { QueueName = aws_sqs_queue.work[queue].name }
        threshold   = 3600
      }
    }
  ]...)
  provider_alarms = merge([
    for provider in var.providers_used : {
      "${provider}-hold" = {
        description = "${provider} is on hold. `darkroom check` says why; docs/OPERATIONS.md, 'A provider is on hold'."
        namespace   = "darkroom"
        metric      = "ProvidersOnHold"
        dimensions  = { provider = provider }
      }
      "${provider}-expiry" = {
        description = "Results of ${provider} are fetched late, or not at all. They are paid for and will be gone."
        namespace   = "darkroom"
        metric      = "ResultLifeLeftPercent"
        dimensions  = { provider = provider }
        statistic   = "Minimum"
        comparison  = "LessThanThreshold"
        threshold   = 25
      }
    }
  ]...)
  function_alarms = {
    poller-errors = {
      description = "The poller fails: nothing that waits goes on."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.poller.function_name }
      statistic   = "Sum"
      periods     = 2
    }
    webhook-fails = {
      description = "Callbacks are answered with an error of ours. The service calls once more, and after ten minutes the image is sent again."
      namespace   = "AWS/Lambda"
      metric      = "Url5xxCount"
      dimensions  = { FunctionName = aws_lambda_function.webhook.function_name }
      statistic   = "Sum"
    }
    gallery-errors = {
      description = "The gallery does not start or breaks off. Nothing of a job's way depends on it."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.gallery.function_name }
      statistic   = "Sum"
    }
    gallery-throttles = {
      description = "More people, or somebody unwanted, ask the gallery than it may answer at the same time. docs/OPERATIONS.md, 'The gallery on AWS'."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.gallery.function_name }
      statistic   = "Sum"
    }
  }
  alarms = { for name, alarm in merge(local.queue_alarms, local.provider_alarms, local.function_alarms) : name => alarm if var.alarms }
  topics = var.alarm_topic == "" ? [] : [var.alarm_topic]
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = lookup(each.value, "statistic", "Maximum")
  period              = 300
  evaluation_periods  = lookup(each.value, "periods", 1)
  comparison_operator = lookup(each.value, "comparison", "GreaterThanThreshold")
  threshold           = lookup(each.value, "threshold", 0)
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
  ok_actions          = local.topics
}

locals {
  # Title, search, statistic, and whether the areas lie on each other.
  widgets = [
    { title = "Jobs done and failed", stacked = true, statistic = "Sum", searches = [
      "{darkroom,provider} MetricName=\"JobsDone\"", "{darkroom,provider} MetricName=\"JobsFailed\""
    ] },
    { title = "Charges", stacked = true, statistic = "Sum", searches = ["{darkroom,provider} MetricName=\"Charges\""] },
    { title = "What services answer in (ms, p90)", statistic = "p90", searches = ["{darkroom,provider} MetricName=\"ProviderLatencyMs\""] },
    { title = "Balances", statistic = "Minimum", searches = ["{darkroom,provider} MetricName=\"Balance\""] },
    { title = "Oldest unfinished job (s)", statistic = "Maximum", searches = ["{darkroom,provider} MetricName=\"OldestUnfinishedJobAgeS\""] },
    { title = "Life left of results when fetched (%, lowest)", statistic = "Minimum", searches = ["{darkroom,provider} MetricName=\"ResultLifeLeftPercent\""] },
    { title = "Waiting messages", statistic = "Maximum", searches = [
      "{AWS/SQS,QueueName} MetricName=\"ApproximateNumberOfMessagesVisible\" QueueName=\"${var.name}-\""
    ] },
    { title = "Errors of functions", statistic = "Sum", searches = [
      "{AWS/Lambda,FunctionName} MetricName=\"Errors\" FunctionName=\"${var.name}-\""
    ] },
  ]
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for widget in local.widgets : {
      type   = "metric"
      width  = 12
      height = 6
      properties = merge(
        {
          title   = widget.title
          region  = local.region
          view    = "timeSeries"
          metrics = [for search in widget.searches : [{ expression = "SEARCH('${search}', '${widget.statistic}', 300)" }]]
        },
        lookup(widget, "stacked", false) ? { stacked = true } : {}
      )
    }]
  })
}
