# The module as a person would use it, but against an emulator of AWS. deployment.py and compare.py copy this file, and
# set its variables. Those without a value here are the module's.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "name" {
  type = string
}

variable "packages" {
  type = string
}

variable "secrets_path" {
  type    = string
  default = null
}

variable "public_url" {
  type    = string
  default = ""
}

variable "environment" {
  type    = map(string)
  default = {}
}

variable "providers_used" {
  type    = set(string)
  default = null
}

variable "config_key" {
  type    = string
  default = ""
}

variable "alarms" {
  type    = bool
  default = true
}

variable "alarm_topic" {
  type    = string
  default = ""
}

variable "thumbnails" {
  type    = string
  default = null
}

variable "gallery_concurrency" {
  type    = number
  default = null
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {
    cloudformation = var.endpoint
    cloudwatch     = var.endpoint
    dynamodb       = var.endpoint
    events         = var.endpoint
    iam            = var.endpoint
    lambda         = var.endpoint
    logs           = var.endpoint
    s3             = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

module "darkroom" {
  source = "../../terraform"

  name                = var.name
  packages            = var.packages
  secrets_path        = var.secrets_path
  public_url          = var.public_url
  environment         = var.environment
  providers_used      = var.providers_used
  config_key          = var.config_key
  alarms              = var.alarms
  alarm_topic         = var.alarm_topic
  thumbnails          = var.thumbnails
  gallery_concurrency = var.gallery_concurrency
}

output "bucket" {
  value = module.darkroom.bucket
}

output "table" {
  value = module.darkroom.table
}

output "queue_url_prefix" {
  value = module.darkroom.queue_url_prefix
}

output "webhook_url" {
  value = module.darkroom.webhook_url
}

output "gallery_url" {
  value = module.darkroom.gallery_url
}

output "dashboard_url" {
  value = module.darkroom.dashboard_url
}
