"""Deploys darkroom to an emulator of AWS that enforces IAM, and tells its story from outside: images go in through S3,
callbacks come through the Function URL, the schedule fires, results lie in the bucket, and the gallery shows all of it.
Then each function loses one of its rights after the other, and what it does with that right has to fail until it is given
back.

Run by deploy.sh, which installs and builds what this needs.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config

import gallery
from gallery import Gallery
from patience import PATIENCE_S, wait_for
from stack import parameter_name
from terraform_stack import mirror, root_module

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SAMPLES = ROOT / "cli/samples"
REGION = "us-east-1"
STACK = "darkroom-test"
SECRETS_PATH = "/darkroom-test"
PROVIDERS = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"]
# What has lost a right is watched for so long before it counts as failing.
WATCHED_S = 12


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Emulator:
    """ministack with IAM enforced. Its environment is clean, so that nothing leaks into the functions."""

    def __init__(self, command: str, folder: pathlib.Path):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            "PATH": f"{pathlib.Path(command).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            "AWS_ENDPOINT_URL": self.url,
        }
        self.log = folder / "emulator.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [command], env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_for("the emulator answers", self.answers, 60)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=2).status == 200
        return False

    def client(self, service: str, key="test", secret="test", session=None):
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, read_timeout=120)
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, config=config, aws_access_key_id=key,
            aws_secret_access_key=secret, aws_session_token=session,
        )

    def environment(self) -> dict:
        """For tools that deploy."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        }

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Sandbox:
    """The services, as `darkroom sandbox`."""

    def __init__(self):
        command = [TARGET / "debug/darkroom", "sandbox", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.variables = {}
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
            name, value = line.strip().split("=", 1)
            self.variables[name] = value

    def addresses(self) -> dict:
        return {name: value for name, value in self.variables.items() if name.endswith("_URL")}

    def secrets(self) -> dict:
        return {name: value for name, value in self.variables.items() if not name.endswith("_URL")}

    def stop(self):
        self.process.kill()
        self.process.wait()


def run(command, environment, where=ROOT):
    print("+", " ".join(str(part) for part in command), flush=True)
    subprocess.run(command, env=environment, cwd=where, check=True)


class Sam:
    """The stack by `sam build` and `sam deploy`."""

    def __init__(self, emulator: Emulator, folder: pathlib.Path):
        self.emulator, self.folder = emulator, folder
        self.template = ROOT / "infra/sam/template.yaml"

    def build(self):
        run(
            ["sam", "build", "--beta-features", "--template", self.template, "--build-dir", self.folder / "built"],
            self.emulator.environment(),
        )

    def deploy(self, variables: dict) -> dict:
        """`variables` are named as in the environment; the outputs come back by their names in the template."""
        overrides = [f"{parameter_name(name)}={value}" for name, value in variables.items()]
        run(
            ["sam", "deploy", "--template-file", self.folder / "built/template.yaml", "--stack-name", STACK,
             "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
             "--no-progressbar", "--parameter-overrides", f"SecretsPath={SECRETS_PATH}", *overrides],
            self.emulator.environment(),
        )
        stack = self.emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        self.mend_mappings()
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), stack["StackStatus"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def mend_mappings(self):
        """The emulator keeps a parameter of the type Number as text, and then no mapping delivers anything."""
        functions = self.emulator.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            concurrency = {"MaximumConcurrency": int(mapping["ScalingConfig"]["MaximumConcurrency"])}
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=concurrency)

    def remove(self):
        run(["sam", "delete", "--stack-name", STACK, "--no-prompts", "--region", REGION], self.emulator.environment())


class Terraform:
    """The stack by `terraform apply`, as a person would use the module."""

    OUTPUTS = {
        "bucket": "Bucket", "table": "Table", "queue_url_prefix": "QueueUrlPrefix", "webhook_url": "WebhookUrl",
        "gallery_url": "GalleryUrl",
    }

    def __init__(self, emulator: Emulator, folder: pathlib.Path, mirror: pathlib.Path):
        self.emulator, self.folder = emulator, folder / "terraform"
        self.folder.mkdir()
        self.environment = emulator.environment() | root_module(self.folder, ROOT / "infra/terraform", mirror)

    def build(self):
        run(["terraform", "init", "-input=false", "-no-color"], self.environment, self.folder)
        run(["terraform", "validate", "-no-color"], self.environment, self.folder)

    def deploy(self, variables: dict) -> dict:
        values = {
            "endpoint": self.emulator.url,
            "name": STACK,
            "secrets_path": SECRETS_PATH,
            "packages": str(TARGET / "lambda"),
            "public_url": variables.get("DARKROOM_PUBLIC_URL", ""),
            "environment": {name: value for name, value in variables.items() if name != "DARKROOM_PUBLIC_URL"},
        }
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(values))
        run(["terraform", "apply", "-auto-approve", "-input=false", "-no-color"], self.environment, self.folder)
        output = subprocess.run(
            ["terraform", "output", "-json"], env=self.environment, cwd=self.folder, check=True, capture_output=True
        )
        outputs = json.loads(output.stdout)
        return {ours: outputs[theirs]["value"] for theirs, ours in self.OUTPUTS.items()}

    def remove(self):
        # The way that README.md of the module tells: what is kept is taken out of Terraform's hands first.
        run(["terraform", "state", "rm", "module.darkroom.module.kept"], self.environment, self.folder)
        run(["terraform", "destroy", "-auto-approve", "-input=false", "-no-color"], self.environment, self.folder)


class Darkroom:
    """A deployed stack, from outside."""

    def __init__(self, emulator: Emulator, outputs: dict):
        self.emulator = emulator
        self.bucket, self.table = outputs["Bucket"], outputs["Table"]
        self.s3, self.sqs, self.iam = emulator.client("s3"), emulator.client("sqs"), emulator.client("iam")
        self.functions, self.rows = emulator.client("lambda"), emulator.client("dynamodb")
        self.number = 0

    def put(self, provider: str, image=None) -> str:
        """Uploads an image that is like no other, so that no service can answer from its cache."""
        self.number += 1
        key = f"uploads/{provider}/{self.number}.jpg"
        # What follows the end of a JPEG changes its hash and nothing else.
        body = image or (SAMPLES / "cat.jpg").read_bytes() + f"{time.time_ns()}".encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return key

    def document(self, upload: str):
        key = upload.replace("uploads/", "results/", 1) + "/job.json"
        with contextlib.suppress(self.s3.exceptions.NoSuchKey):
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return None

    def ended(self, upload: str, patience_s=PATIENCE_S) -> dict:
        return wait_for(f"{upload} ends", lambda: self.document(upload), patience_s)

    def done(self, upload: str, patience_s=PATIENCE_S) -> dict:
        document = self.ended(upload, patience_s)
        assert document["state"] == "done", json.dumps(document, indent=1)
        for output in document["outputs"]:
            size = self.s3.head_object(Bucket=self.bucket, Key=output["key"])["ContentLength"]
            assert size == output["bytes"], output
        return document

    def queue(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=f"{STACK}-{name}")["QueueUrl"]

    def waiting(self, name: str) -> int:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def make_redelivery_quick(self):
        """What failed comes again after five seconds and not after minutes; not sooner, or what fails while a right is
        lacking would be a dead letter before it is given back."""
        for name in [f"submit-{provider}" for provider in PROVIDERS] + ["collect"]:
            self.sqs.set_queue_attributes(QueueUrl=self.queue(name), Attributes={"VisibilityTimeout": "5"})

    def allow_plain_connections(self):
        """The emulator speaks HTTP, which the bucket's policy refuses.."""
        policy = json.loads(self.s3.get_bucket_policy(Bucket=self.bucket)["Policy"])
        assert "aws:SecureTransport" in json.dumps(policy), policy
        self.s3.delete_bucket_policy(Bucket=self.bucket)

    def roles(self) -> dict:
        """Each function's role."""
        names = [f"submit-{provider}" for provider in PROVIDERS] + ["collector", "gallery", "poller", "webhook"]
        configurations = {name: self.functions.get_function_configuration(FunctionName=f"{STACK}-{name}") for name in names}
        return {name: configuration["Role"].rsplit("/", 1)[-1] for name, configuration in configurations.items()}

    @contextlib.contextmanager
    def all_parameters_readable(self):
        """The emulator asks for ssm:GetParameters on everything, whatever is asked for; AWS asks for each parameter. So
        whoever may read some may read all, here only; that each may read its own alone is compare.py's to see."""
        document = {"Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"}]}
        readers = [role for role in self.roles().values()
                   if "secrets" in self.iam.list_role_policies(RoleName=role)["PolicyNames"]]
        assert len(readers) == len(PROVIDERS) + 3, readers
        for role in readers:
            self.iam.put_role_policy(RoleName=role, PolicyName="emulator", PolicyDocument=json.dumps(document))
        yield
        for role in readers:
            self.iam.delete_role_policy(RoleName=role, PolicyName="emulator")

    @contextlib.contextmanager
    def without(self, function: str, policy: str):
        """While it lasts, the function lacks this right."""
        role = self.roles()[function]
        document = self.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        self.iam.delete_role_policy(RoleName=role, PolicyName=policy)
        try:
            yield
        finally:
            self.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


    @contextlib.contextmanager
    def as_function(self, function: str):
        """S3 as the function reaches it: with the credentials of its role, which trusts this test for so long."""
        name = self.roles()[function]
        role = self.iam.get_role(RoleName=name)["Role"]
        trust = role["AssumeRolePolicyDocument"]
        account = role["Arn"].split(":")[4]
        test = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
        opened = trust | {"Statement": [*trust["Statement"], test]}
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
        try:
            lent = self.emulator.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
            yield self.emulator.client("s3", lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
        finally:
            self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    def start_anew(self, function: str):
        """A function that runs keeps what it has read; one whose configuration is written, even the same, starts again."""
        name = f"{STACK}-{function}"
        timeout_s = self.functions.get_function_configuration(FunctionName=name)["Timeout"]
        self.functions.update_function_configuration(FunctionName=name, Timeout=timeout_s)


def happy_ways(darkroom: Darkroom) -> dict:
    uploads = {provider: darkroom.put(provider) for provider in PROVIDERS}
    for provider, upload in uploads.items():
        document = darkroom.done(upload)
        print(f"  {provider:<12} done, {len(document['outputs'])} outputs", flush=True)
    return uploads


def bad_input(darkroom: Darkroom) -> str:
    upload = darkroom.put("watermark", b"no image at all")
    document = darkroom.ended(upload)
    assert document["reason"]["kind"] == "unsuitable_image", document
    print("  a bad image  job.json says:", document["reason"]["message"], flush=True)
    darkroom.sqs.send_message(QueueUrl=darkroom.queue("submit-watermark"), MessageBody="no message of ours")
    wait_for("the dead letter", lambda: darkroom.waiting("submit-watermark-dead-letters") == 1, 120)
    print("  a malformed message  lies among the dead letters", flush=True)
    return upload


def gallery_story(darkroom: Darkroom, address: str, uploads: dict, failed: str):
    """`uploads` are done, by their services."""
    shown, of = Gallery(address), uploads["watermark"]
    gallery.off(shown)
    path = f"{SECRETS_PATH}/DARKROOM_GALLERY_TOKEN"
    darkroom.emulator.client("ssm").put_parameter(Name=path, Value=gallery.TOKEN, Type="SecureString")
    darkroom.start_anew("gallery")
    gallery.door(shown)
    gallery.shows(darkroom, shown, [*uploads.values(), failed], of)
    gallery.takes_uploads(darkroom, shown, (SAMPLES / "cat.jpg").read_bytes() + f"{time.time_ns()}".encode(), of)
    gallery.gives_another_try(darkroom, shown, failed)
    gallery.ends_a_hold(darkroom, shown)
    gallery.alters_nothing(darkroom, of)
    gallery.needs_its_rights(darkroom, shown, of)


# Which right of which function a job of which service cannot do without. Those of one round are taken away together: no
# job of the one needs a right that the other lacks.
RIGHTS = [
    [
        ("submit-watermark", "table", "watermark"),
        ("submit-imgfactory", "table", "imgfactory"),
        ("submit-fangtang", "bucket", "fangtang"),
        ("submit-vkcloud", "bucket", "vkcloud"),
        ("submit-imageban", "table", "imageban"),
    ],
    [("submit-watermark", "bucket", "watermark"), ("poller", "table", "imgfactory")],
    [("webhook", "table", "watermark")],
    [("collector", "table", "watermark")],
    [("collector", "bucket", "watermark")],
]


def rights_are_needed(darkroom: Darkroom):
    for together in RIGHTS:
        with contextlib.ExitStack() as taken:
            for function, policy, _ in together:
                taken.enter_context(darkroom.without(function, policy))
            uploads = [darkroom.put(provider) for _, _, provider in together]
            time.sleep(WATCHED_S)
            for (function, policy, _), upload in zip(together, uploads):
                document = darkroom.document(upload)
                assert document is None, f"{function} does without its right to the {policy}: {document}"
        for (function, policy, provider), upload in zip(together, uploads):
            # What was lost for want of it is found again; a lost callback only after ten minutes, so there another goes.
            darkroom.done(darkroom.put(provider) if function == "webhook" else upload, 2 * PATIENCE_S)
            print(f"  {function:<20} without {policy:<8} nothing went on; with it again, all did", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flavour", choices=["sam", "terraform"])
    parser.add_argument("--emulator", required=True, help="the ministack command")
    arguments = parser.parse_args()
    if arguments.flavour == "terraform" and not (shutil.which("terraform") and mirror()):
        print("*" * 100)
        print("* SKIPPED: terraform or a local mirror of its AWS provider is missing, so the Terraform stack was NOT deployed.")
        print("* Set TF_PLUGIN_MIRROR to a folder with registry.terraform.io/hashicorp/aws/… in it.")
        print("*" * 100)
        return 0
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulator = Emulator(arguments.emulator, folder)
        stack.callback(emulator.stop)
        sandbox = Sandbox()
        stack.callback(sandbox.stop)
        try:
            tell(arguments.flavour, emulator, sandbox, folder)
        except Exception:
            print(emulator.log.read_text()[-20_000:], file=sys.stderr)
            raise
    return 0


def tell(flavour: str, emulator: Emulator, sandbox: Sandbox, folder: pathlib.Path):
    start = time.monotonic()
    tool = Sam(emulator, folder) if flavour == "sam" else Terraform(emulator, folder, mirror())
    ssm = emulator.client("ssm")
    for name, value in (sandbox.secrets() | {"DARKROOM_CALLBACK_SECRET": "a-secret-of-the-test"}).items():
        ssm.put_parameter(Name=f"{SECRETS_PATH}/{name}", Value=value, Type="SecureString")
    tool.build()
    variables = sandbox.addresses()
    outputs = tool.deploy(variables)
    # The emulator's Function URLs have names of AWS that lead nowhere here; it serves them below a path as well.
    def reached(url: str) -> str:
        return f"{emulator.url}/_aws/lambda-url/{url.split('//')[1].split('.')[0]}"

    outputs = tool.deploy(variables | {"DARKROOM_PUBLIC_URL": reached(outputs["WebhookUrl"])})
    print(f"deployed, and deployed again with a change, in {time.monotonic() - start:.0f} s", flush=True)
    darkroom = Darkroom(emulator, outputs)
    darkroom.make_redelivery_quick()
    darkroom.allow_plain_connections()
    with darkroom.all_parameters_readable():
        uploads = happy_ways(darkroom)
        failed = bad_input(darkroom)
        gallery_story(darkroom, reached(outputs["GalleryUrl"]), uploads, failed)
        rights_are_needed(darkroom)
    tool.remove()
    kept = emulator.client("s3").list_objects_v2(Bucket=outputs["Bucket"])["KeyCount"]
    assert kept > 0, "images outlive the stack"
    print(f"{flavour}: all of it in {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
