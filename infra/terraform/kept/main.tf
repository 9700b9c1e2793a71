# The bucket and the table: people's images, and what was paid for. They outlive the stack; README.md, "Removal".

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "table_name" {
  type = string
}

variable "bucket_name" {
  type = string
}

variable "versioning" {
  type = bool
}

variable "steps_days" {
  type = number
}

variable "point_in_time_recovery" {
  type = bool
}

variable "deletion_protection" {
  type = bool
}

# shared/src/store/table.rs makes the same table on one machine.
resource "aws_dynamodb_table" "jobs" {
  name                        = var.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "lane"
    type = "S"
  }

  attribute {
    name = "due_at"
    type = "N"
  }

  attribute {
    name = "shelf"
    type = "S"
  }

  attribute {
    name = "made_at"
    type = "S"
  }

  global_secondary_index {
    name            = "due"
    hash_key        = "lane"
    range_key       = "due_at"
    projection_type = "ALL"
  }

  global_secondary_index {
    name               = "newest"
    hash_key           = "shelf"
    range_key          = "made_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["route", "search", "ended"]
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }
}

resource "aws_s3_bucket" "images" {
  bucket        = var.bucket_name
  force_destroy = false
}

resource "aws_s3_bucket_server_side_encryption_configuration" "images" {
  bucket = aws_s3_bucket.images.bucket

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "images" {
  bucket                  = aws_s3_bucket.images.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "images" {
  bucket = aws_s3_bucket.images.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "images" {
  bucket = aws_s3_bucket.images.bucket

  versioning_configuration {
    status = var.versioning ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "images" {
  # Rules for old versions are taken only once it is said whether there are any.
  depends_on = [aws_s3_bucket_versioning.images]

  bucket = aws_s3_bucket.images.bucket

  rule {
    id     = "steps"
    status = "Enabled"

    filter {
      prefix = "steps/"
    }

    expiration {
      days = var.steps_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  # Nobody sees the thumbnails of a job whose row is gone, and a row goes 90 days after the job's end.
  rule {
    id     = "thumbnails"
    status = "Enabled"

    filter {
      prefix = "results/.thumbnails/"
    }

    expiration {
      days = 180
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

# The gallery's pages put uploads here and show pictures from here. From wherever: each address is signed, and the
# gallery's own is not known before its function is.
resource "aws_s3_bucket_cors_configuration" "images" {
  bucket = aws_s3_bucket.images.bucket

  cors_rule {
    allowed_methods = ["GET", "PUT", "HEAD"]
    allowed_origins = ["*"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
  }
}

output "bucket" {
  value = aws_s3_bucket.images.bucket
}

output "table" {
  value = aws_dynamodb_table.jobs.name
}
