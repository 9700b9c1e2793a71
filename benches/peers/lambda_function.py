"""The peer of `submit-watermark`: a Python Lambda that submits uploads to the watermark service, with boto3 and requests.

As a competent user would write it: clients are made once, when the module is loaded; an upload that comes twice is sent
once; the image is sent with its signature, as the service's page says; one message that fails brings none of the others
back. Run by `python -m awslambdaric lambda_function.handler`.
"""

import hashlib
import json
import logging
import os
import random
import time
import urllib.parse

import boto3
import requests
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
dynamodb = boto3.client("dynamodb")
session = requests.Session()

BUCKET = os.environ["DARKROOM_BUCKET"]
TABLE = os.environ["DARKROOM_TABLE"]
PUBLIC_URL = os.environ["DARKROOM_PUBLIC_URL"]
WATERMARK_URL = os.environ["WATERMARK_URL"]
APP_ID = os.environ["WATERMARK_APP_ID"]
APP_SECRET = os.environ["WATERMARK_APP_SECRET"]
ACCEPTED = 52000


def sign(image: bytes, salt: str) -> str:
    image_hash = hashlib.md5(image).hexdigest()
    return hashlib.md5((APP_ID + image_hash + salt + APP_SECRET).encode()).hexdigest()


def submit(job_id: str, name: str, image: bytes):
    salt = str(random.randint(10_000_000, 99_999_999))
    reply = session.post(
        WATERMARK_URL,
        headers={"x-access-api-sign": sign(image, salt)},
        data={"sync": "true", "callback": f"{PUBLIC_URL}/callbacks/watermark/{job_id}", "appId": APP_ID, "salt": salt},
        files={"uploadFile": (name, image)},
        timeout=30,
    )
    reply.raise_for_status()
    answer = reply.json()
    if answer.get("httpCode") != 200 or answer["data"]["processStatus"] != ACCEPTED:
        raise RuntimeError(f"not accepted: {answer.get('httpCode')} {answer.get('httpMsg')}")


def create_job(job_id: str, key: str, upload: dict) -> bool:
    """False: the event came twice."""
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={
                "id": {"S": job_id},
                "state": {"S": "submitting"},
                "key": {"S": key},
                "etag": {"S": upload["eTag"]},
                "bytes": {"N": str(upload["size"])},
                "created_at": {"N": str(int(time.time() * 1000))},
            },
            ConditionExpression="attribute_not_exists(id)",
        )
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise


def handle_upload(bucket: str, upload: dict):
    key = urllib.parse.unquote_plus(upload["key"])
    name = f"{bucket}/{key}/{upload['sequencer']}"
    job_id = hashlib.sha256(name.encode()).hexdigest()[:32]
    if not create_job(job_id, key, upload):
        logger.info("job %s is there already", job_id)
        return
    image = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    submit(job_id, os.path.basename(key), image)
    dynamodb.update_item(
        TableName=TABLE,
        Key={"id": {"S": job_id}},
        UpdateExpression="SET #state = :waiting",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":waiting": {"S": "waiting"}},
    )
    logger.info("job %s waits for its callback", job_id)


def handler(event, context):
    failures = []
    for message in event["Records"]:
        try:
            for record in json.loads(message["body"]).get("Records", []):
                handle_upload(record["s3"]["bucket"]["name"], record["s3"]["object"])
        except Exception:
            logger.exception("message %s failed", message["messageId"])
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}
