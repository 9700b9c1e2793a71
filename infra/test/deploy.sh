#!/usr/bin/env bash
# Deploys darkroom for real, with SAM, with Terraform or with both, to an emulator of AWS that enforces IAM, puts images in
# through S3, and takes policies away to see that they are needed. Needs Rust, Python 3 and, for Terraform, terraform.
#
#   infra/test/deploy.sh sam|terraform|all
#
# Terraform needs the AWS provider from a local mirror: TF_PLUGIN_MIRROR, /opt/tf-plugins or one of the usual places.
# Tools are installed below target/infra (DARKROOM_TOOLS to choose another place).
set -euo pipefail
cd "$(dirname "$0")/../.."

what=${1:-}
case $what in
  sam) flavours="sam" ;;
  terraform) flavours="terraform" ;;
  all) flavours="sam terraform" ;;
  *) echo "usage: $0 sam|terraform|all" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }

tools=${DARKROOM_TOOLS:-$PWD/target/infra}
install() { # name, requirements
  [ -x "$tools/$1/bin/pip" ] || python3 -m venv "$tools/$1"
  "$tools/$1/bin/pip" install --quiet --disable-pip-version-check --requirement "infra/test/$2"
}
step "tools"
mkdir -p "$tools"
install build requirements.txt
install emulator requirements-emulator.txt
export PATH="$tools/build/bin:$PATH" SAM_CLI_TELEMETRY=0

step "the stacks against each other and against the code"
python infra/test/compare.py
python infra/test/compare.py --self-test

step "templates"
cfn-lint infra/sam/template.yaml
AWS_DEFAULT_REGION=us-east-1 sam validate --lint --template infra/sam/template.yaml
if command -v terraform > /dev/null; then terraform fmt -check -diff -recursive infra/terraform; fi

step "functions"
infra/build.sh
python infra/test/sizes.py

step "the command and its sandbox"
cargo build --locked --package darkroom

# Each in an emulator of its own, so both at the same time: most of it is waiting.
logs=$(mktemp -d)
declare -A running
trap 'kill "${running[@]}" 2> /dev/null || true; rm -rf "$logs"' EXIT
for flavour in $flavours; do
  python infra/test/deployment.py "$flavour" --emulator "$tools/emulator/bin/ministack" > "$logs/$flavour" 2>&1 &
  running[$flavour]=$!
done
failed=0
for flavour in $flavours; do
  step "deploy with $flavour"
  wait "${running[$flavour]}" || failed=1
  cat "$logs/$flavour"
done
exit $failed
