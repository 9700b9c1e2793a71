"""Compares the SAM template with the Terraform module, resource by resource, and both with what the code reads. Prints
what differs, and fails.

    compare.py              the comparison
    compare.py --self-test  damages copies in many ways, and expects each damage to be found

It needs what is in requirements.txt, and for Terraform terraform and a local mirror of its AWS provider
(TF_PLUGIN_MIRROR, or one of the usual places). Without them it compares the template with the code alone, and says so.
"""

import argparse
import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

from checks import against_the_code
from code_facts import Code, Sources
from sam_stack import sam_stack
from stack import SECRETS_PATH, differences
from terraform_stack import Planner, mirror

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATE = "infra/sam/template.yaml"
# The case in which all that can be set is set.
EVERYTHING = "everything set"


def settings(code: Code) -> dict:
    """What is set in each comparison, in the words of the Terraform module."""
    # What has a setting of its own, or is set for all.
    apart = {"DARKROOM_CONFIG", "DARKROOM_PUBLIC_URL", "DARKROOM_THUMBNAILS", "RUST_LOG"}
    optional = {name for function in code.functions.values() for name in function.optional} - apart
    return {
        "as it comes": {"secrets_path": SECRETS_PATH},
        EVERYTHING: {
            "secrets_path": SECRETS_PATH,
            "public_url": "https://darkroom.example",
            "config_key": "presets/darkroom.toml",
            "alarm_topic": "arn:aws:sns:us-east-1:123456789012:alarms",
            "thumbnails": "off",
            "gallery_concurrency": 20,
            "environment": {name: f"a value of {name}" for name in sorted(optional)},
        },
        "one service, no alarms": {
            "secrets_path": SECRETS_PATH,
            "public_url": "https://darkroom.example",
            "providers_used": ["watermark"],
            "alarms": False,
        },
    }


def problems(cases: dict, code: Code, template: str, terraform: dict) -> list:
    """What is wrong, in sentences, each once. `terraform` has the stacks that are known already, by the case's name."""
    found = {}
    for case, values in cases.items():
        stacks = [terraform[case]] if case in terraform else []
        try:
            stacks.insert(0, sam_stack(template, values))
        except Exception as error:  # whatever the translator says of a template that it does not take
            found.setdefault(f"SAM: {error!r}", []).append(case)
        said = differences(*stacks) if len(stacks) == 2 else []
        for stack in stacks:
            said += [f"{stack.flavour}: {one}" for one in against_the_code(stack, code, case == EVERYTHING)]
        for one in said:
            found.setdefault(one, []).append(case)
    return [one if len(where) == len(cases) else f"{one} ({'; '.join(where)})" for one, where in found.items()]


def planner(stack: contextlib.ExitStack) -> Planner | None:
    plugins = mirror()
    if not (shutil.which("terraform") and plugins):
        print("*" * 100)
        print("* LEFT OUT: terraform or a local mirror of its AWS provider is missing, so the Terraform module was compared")
        print("* with NOTHING: neither with the template nor with the code. The template was compared with the code.")
        print("* Set TF_PLUGIN_MIRROR to a folder with registry.terraform.io/hashicorp/aws/… in it.")
        print("*" * 100)
        return None
    return Planner(pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())), plugins)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="damage copies, and expect each damage to be found")
    arguments = parser.parse_args()
    start, code, template = time.monotonic(), Code(Sources()), (ROOT / TEMPLATE).read_text()
    with contextlib.ExitStack() as stack:
        plans = planner(stack)
        if arguments.self_test:
            # It uses what is here.
            from self_test import self_test

            found = self_test(code, template, plans)
        else:
            cases = settings(code)
            terraform = {case: plans.stack(values) for case, values in cases.items()} if plans else {}
            found = problems(cases, code, template, terraform)
            parts = len(sam_stack(template, cases["as it comes"]).parts)
            with_what = "the Terraform module and the code" if plans else "the code ALONE"
            print(f"{parts} parts of the template in {len(cases)} cases, with {with_what}: {time.monotonic() - start:.0f} s")
    for one in found:
        print(f"! {one}")
    well = "every damage is found" if arguments.self_test else "no problems"
    print(f"{len(found)} problems" if found else well)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
