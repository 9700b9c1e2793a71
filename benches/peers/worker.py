#!/usr/bin/env python3
"""The whole flow as a plain worker: boto3 and requests, one loop.

Lists a prefix of the bucket, claims each new picture with a conditional write, sends it to the provider, fetches the
result, puts it and a job.json, and writes down how far each job has come. Written as somebody would who knows both
libraries: clients and connections are made once and kept, nothing is read twice, and what fails for a moment is tried
again. It leaves out what darkroom adds: paces, lost calls, checks of what is sent and what comes.
"""

import argparse
import base64
import hashlib
import json
import time
from datetime import datetime, timezone
from pathlib import PurePosixPath

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

APP_ID, APP_SECRET = "0123456789abcdef", "secret"


def now():
    return datetime.now(timezone.utc).isoformat()


class Worker:
    def __init__(self, arguments):
        self.arguments = arguments
        settings = {
            "region_name": "us-east-1",
            "aws_access_key_id": "darkroom",
            "aws_secret_access_key": "darkroom-secret",
        }
        self.s3 = boto3.client(
            "s3", endpoint_url=arguments.s3, config=Config(s3={"addressing_style": "path"}), **settings
        )
        self.dynamodb = boto3.client("dynamodb", endpoint_url=arguments.dynamodb, **settings)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", HTTPAdapter(max_retries=Retry(total=3, backoff_factor=0.5)))
        self.ask = {"vkcloud": self.vkcloud, "watermark": self.watermark}[arguments.provider]
        self.seen = set()

    def make_table(self):
        try:
            self.dynamodb.create_table(
                TableName=self.arguments.table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            )
        except self.dynamodb.exceptions.ResourceInUseException:
            pass

    def run(self):
        pages = self.s3.get_paginator("list_objects_v2")
        while True:
            found = False
            for page in pages.paginate(Bucket=self.arguments.bucket, Prefix=self.arguments.uploads):
                for entry in page.get("Contents", []):
                    if entry["Key"] not in self.seen:
                        self.seen.add(entry["Key"])
                        found = True
                        self.work(entry["Key"])
            if not found:
                time.sleep(0.05)

    def work(self, key):
        job_id = hashlib.sha256(f"{self.arguments.bucket}/{key}".encode()).hexdigest()[:32]
        if not self.claim(job_id, key):
            return
        created_at = now()
        upload = self.s3.get_object(Bucket=self.arguments.bucket, Key=key)
        image = upload["Body"].read()
        try:
            result = self.ask(job_id, image)
        except (requests.RequestException, RuntimeError) as problem:
            self.end(job_id, key, {"state": "failed", "reason": {"kind": "provider", "message": str(problem)}})
            return
        path = PurePosixPath(key)
        output = f"{self.folder(key)}/{path.stem}.jpg"
        self.s3.put_object(Bucket=self.arguments.bucket, Key=output, Body=result, ContentType="image/jpeg")
        self.end(
            job_id,
            key,
            {
                "state": "done",
                "created_at": created_at,
                "upload": {
                    "key": key,
                    "etag": upload["ETag"].strip('"'),
                    "bytes": len(image),
                    "sha256": hashlib.sha256(image).hexdigest(),
                },
                "outputs": [
                    {
                        "key": output,
                        "bytes": len(result),
                        "content_type": "image/jpeg",
                        "sha256": hashlib.sha256(result).hexdigest(),
                    }
                ],
            },
        )

    def claim(self, job_id, key):
        try:
            self.dynamodb.put_item(
                TableName=self.arguments.table,
                Item={"id": {"S": job_id}, "key": {"S": key}, "state": {"S": "submitting"}, "at": {"S": now()}},
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def set_state(self, job_id, state):
        self.dynamodb.update_item(
            TableName=self.arguments.table,
            Key={"id": {"S": job_id}},
            UpdateExpression="SET #state = :state, #at = :at",
            ExpressionAttributeNames={"#state": "state", "#at": "at"},
            ExpressionAttributeValues={":state": {"S": state}, ":at": {"S": now()}},
        )

    def folder(self, key):
        return self.arguments.results + key.removeprefix(self.arguments.uploads)

    def end(self, job_id, key, document):
        document = {"id": job_id, "finished_at": now(), **document}
        body = json.dumps(document).encode()
        self.s3.put_object(
            Bucket=self.arguments.bucket,
            Key=f"{self.folder(key)}/job.json",
            Body=body,
            ContentType="application/json",
        )
        self.set_state(job_id, document["state"])

    def vkcloud(self, job_id, image):
        """The result is in the reply: between the claim and the end there is one state to write down."""
        answer = self.session.post(
            self.arguments.provider_url,
            params={"oauth_token": "token", "oauth_provider": "mcs"},
            data={"meta": json.dumps({"mode": ["improve"], "images": [{"name": "file"}]})},
            files={"file": (f"{job_id}.jpg", image, "image/jpeg")},
            timeout=100,
        )
        answer.raise_for_status()
        said = answer.json()
        if said["status"] != 200 or said["body"]["improve"][0]["status"] != 0:
            raise RuntimeError(f"vkcloud says {answer.text[:200]}")
        return base64.b64decode(said["body"]["improve"][0]["improved"])

    def watermark(self, job_id, image):
        """The service's own default, an answer in the reply: a loop has nobody who could be called back."""
        salt = str(10_000_000 + time.time_ns() % 90_000_000)
        signed = APP_ID + hashlib.md5(image).hexdigest() + salt + APP_SECRET
        answer = self.session.post(
            self.arguments.provider_url,
            headers={"x-access-api-sign": hashlib.md5(signed.encode()).hexdigest()},
            data={"sync": "false", "appId": APP_ID, "salt": salt},
            files={"uploadFile": (f"{job_id}.jpg", image, "image/jpeg")},
            timeout=100,
        )
        answer.raise_for_status()
        said = answer.json()
        if said["httpCode"] not in (200, 304) or said["data"]["processStatus"] != 0:
            raise RuntimeError(f"watermark says {answer.text[:200]}")
        self.set_state(job_id, "ready")
        result = self.session.get(said["data"]["url"], timeout=100)
        result.raise_for_status()
        return result.content


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--s3", required=True)
    parser.add_argument("--dynamodb", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--uploads", required=True, help="the prefix that is listed")
    parser.add_argument("--results", required=True, help="the prefix below which results are put")
    parser.add_argument("--provider", required=True, choices=["vkcloud", "watermark"])
    parser.add_argument("--provider-url", required=True)
    worker = Worker(parser.parse_args())
    worker.make_table()
    print("ready", flush=True)
    worker.run()


if __name__ == "__main__":
    main()
