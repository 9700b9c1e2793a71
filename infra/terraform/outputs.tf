output "bucket" {
  description = "Where uploads go and results lie (DARKROOM_BUCKET)"
  value       = module.kept.bucket
}

output "table" {
  description = "Where jobs are kept (DARKROOM_TABLE)"
  value       = module.kept.table
}

output "queue_url_prefix" {
  description = "What the darkroom command needs to wake functions (DARKROOM_QUEUE_URL_PREFIX)"
  value       = local.queue_url_prefix
}

output "webhook_url" {
  description = "Where services call back, unless public_url says otherwise"
  value       = aws_lambda_function_url.webhook.function_url
}

output "gallery_url" {
  description = "Where people look at their images, once the gallery has a token"
  value       = aws_lambda_function_url.gallery.function_url
}

output "dashboard_url" {
  description = "What happens"
  value       = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards:name=${aws_cloudwatch_dashboard.dashboard.dashboard_name}"
}
