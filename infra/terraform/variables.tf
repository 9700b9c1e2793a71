variable "name" {
  description = "What the stack is called; every resource's name begins with it."
  type        = string
  default     = "darkroom"
  nullable    = false

  validation {
    # Of all names made from it, a role's is the tightest: 64 characters.
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.name))
    error_message = "At most 30 small letters, digits and hyphens; a letter first, no hyphen last."
  }
}

variable "providers_used" {
  description = "Which services are used. Of the others nothing is made, and nothing of them costs."
  type        = set(string)
  default     = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.providers_used, keys(local.providers))) == 0
    error_message = "Known services: ${join(", ", keys(local.providers))}."
  }
}

variable "packages" {
  description = "Folder with <function>/bootstrap.zip, as infra/build.sh makes it (target/lambda)."
  type        = string
}

variable "architecture" {
  description = "What the functions are built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "x86_64 or arm64."
  }
}

variable "secrets_path" {
  description = "SSM path of the secrets, without a slash at its end; parameters below it are named as the variables."
  type        = string
  default     = "/darkroom"
  nullable    = false

  validation {
    condition     = can(regex("^(/[a-zA-Z0-9_.-]+)+$", var.secrets_path))
    error_message = "A path such as /darkroom, without a slash at its end."
  }
}

variable "config_key" {
  description = "Key of darkroom.toml in the bucket; empty for the built-in presets."
  type        = string
  default     = ""
  nullable    = false
}

variable "public_url" {
  description = "Where services call back, if the webhook has an address of its own; empty for its Function URL."
  type        = string
  default     = ""
  nullable    = false
}

variable "environment" {
  description = "Further variables by their names in the code, WATERMARK_RATE for instance. Each function gets those that it reads. Secrets do not belong here: they lie below secrets_path."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.environment), local.optional_variables)) == 0
    error_message = "No function reads ${join(", ", setsubtract(keys(var.environment), local.optional_variables))}, or it is a secret, or it has a variable of this module. Known here: ${join(", ", local.optional_variables)}."
  }
}

variable "log_level" {
  description = "RUST_LOG of the functions."
  type        = string
  default     = "info"
  nullable    = false
}

variable "log_days" {
  description = "How many days logs are kept; one of the numbers that CloudWatch knows."
  type        = number
  default     = 30
  nullable    = false
}

variable "submit_concurrency" {
  description = "How many batches of each service are submitted at the same time."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.submit_concurrency >= 2
    error_message = "Lambda knows no maximum below 2."
  }
}

variable "collect_concurrency" {
  description = "How many results are fetched at the same time."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.collect_concurrency >= 2
    error_message = "Lambda knows no maximum below 2."
  }
}

variable "thumbnails" {
  description = "DARKROOM_THUMBNAILS: on, or off where nobody looks at the gallery and thumbnails would cost for nothing."
  type        = string
  default     = "on"
  nullable    = false

  validation {
    condition     = contains(["on", "off"], var.thumbnails)
    error_message = "on or off."
  }
}

variable "gallery_concurrency" {
  description = "How many requests the gallery answers at the same time; null: as many as the account lets it."
  type        = number
  default     = null
}

variable "bucket_name" {
  description = "Name of the bucket; empty for <name>-<account>-<region>."
  type        = string
  default     = ""
  nullable    = false
}

variable "versioning" {
  description = "Whether the bucket keeps old versions of what is replaced."
  type        = bool
  default     = false
  nullable    = false
}

variable "steps_days" {
  description = "After so many days what lies between the steps of a chain is deleted; a job cannot be retried from there then."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.steps_days >= 1
    error_message = "A day at least."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the table can be put back to any second of the last 35 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table. The bucket is never deleted with anything in it."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarms" {
  description = "Whether alarms are made."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic" {
  description = "ARN of the SNS topic that alarms go to; empty for none."
  type        = string
  default     = ""
  nullable    = false
}
