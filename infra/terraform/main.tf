# darkroom on AWS. README.md beside this file says how; infra/README.md says why each thing is as it is.
# The same stack for SAM is in ../sam; infra/test/compare.py holds the two against each other and against the code.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # ARNs are put together from names and not taken from the resources: so a plan shows each policy as it will be, and
  # compare.py can read it. A name that is taken from its resource still says in which order things are made.
  sqs       = "arn:${local.partition}:sqs:${local.region}:${local.account}"
  submits   = "${local.sqs}:${var.name}-submit-*"
  collect   = "${local.sqs}:${aws_sqs_queue.work["collect"].name}"
  bucket    = "arn:${local.partition}:s3:::${module.kept.bucket}"
  table     = "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${module.kept.table}"
  role      = "arn:${local.partition}:iam::${local.account}:role"
  parameter = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.secrets_path}"

  queue_url_prefix = "https://sqs.${local.region}.${data.aws_partition.current.dns_suffix}/${local.account}/${var.name}-"

  # What each service has of its own.
  providers = {
    imgfactory = {
      secrets  = ["IMGFACTORY_TOKEN"]
      optional = []
      polled   = true
    }
    watermark = {
      secrets  = ["WATERMARK_APP_ID", "WATERMARK_APP_SECRET", "WATERMARK_TOKEN", "DARKROOM_CALLBACK_SECRET"]
      optional = ["WATERMARK_FILE_FIELD"]
      polled   = false
    }
    fangtang = {
      secrets  = ["FANGTANG_THIRD_CODE", "FANGTANG_SECRET_KEY"]
      optional = []
      polled   = true
    }
    vkcloud = {
      secrets  = ["VKCLOUD_TOKEN", "VKCLOUD_CLIENT_ID", "VKCLOUD_CLIENT_SECRET"]
      optional = ["VKCLOUD_AUTH_URL"]
      polled   = false
    }
    imageban = {
      secrets  = ["IMAGEBAN_CLIENT_ID", "IMAGEBAN_SECRET_KEY"]
      optional = []
      polled   = false
    }
  }
  polled = [for provider, own in local.providers : provider if own.polled]

  # Which variables that nobody has to set each function reads.
  optional = merge(
    {
      for provider, own in local.providers : "submit-${provider}" => concat(
        [for what in ["URL", "RATE", "DAILY"] : "${upper(provider)}_${what}"], own.optional
      )
    },
    {
      collector = flatten([for provider in keys(local.providers) : ["${upper(provider)}_URL", "${upper(provider)}_RESULT_HOSTS"]])
      poller    = [for provider in local.polled : "${upper(provider)}_URL"]
      gallery   = flatten([for provider in keys(local.providers) : ["${upper(provider)}_RATE", "${upper(provider)}_DAILY"]])
      webhook   = []
    }
  )
  optional_variables = sort(distinct(flatten(values(local.optional))))

  # Which secrets each function reads.
  secrets = merge(
    { for provider in var.providers_used : "submit-${provider}" => local.providers[provider].secrets },
    {
      poller  = flatten([for provider in local.polled : local.providers[provider].secrets])
      gallery = ["DARKROOM_GALLERY_TOKEN"]
      webhook = ["DARKROOM_CALLBACK_SECRET"]
    }
  )

  submitters = toset([for provider in var.providers_used : "submit-${provider}"])
  functions  = setunion(local.submitters, ["collector", "gallery", "poller", "webhook"])
  # Queues and which function works on them.
  queues = merge({ for submitter in local.submitters : submitter => submitter }, { collect = "collector" })
}

# What is kept. It is a module of its own, so that it can be taken out of Terraform's hands with one command.
module "kept" {
  source = "./kept"

  table_name             = var.name
  bucket_name            = var.bucket_name == "" ? "${var.name}-${local.account}-${local.region}" : var.bucket_name
  versioning             = var.versioning
  steps_days             = var.steps_days
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection
}
