#!/bin/sh
# Brings a pipeline into your AWS account, or up to date: `make deploy`. Can be repeated, and killed, at any moment.
#
#   STACK=NAME         the stack's name (pixmill); everything is named after it
#   SET='Key=Value …'  parameters of infra/pixmill.yaml; what is not named stays as it was
#   BINARY=FILE        what the machines run (target/release/pixmill)
#   DRY_RUN=1          show what would change, and change nothing
#
# It is a script around the AWS CLI and no command of pixmill, so that everything that touches your account can be read
# here, uses the credentials that you have set up already, and is in no program that the machines run.
set -eu
here=$(dirname "$0")
. "$here/stack.sh"
binary=${BINARY:-$here/../target/release/pixmill}
images=/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-
image_glibc=2.34
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the binary is built for.
architecture() {
    case $(od -An -tx1 -N20 "$binary" | tr -d ' \n') in
        7f454c46????????????????????????????3e00) echo x86_64 ;;
        7f454c46????????????????????????????b700) echo arm64 ;;
        *) fail "$binary is no program for Linux on x86-64 or arm64" ;;
    esac
}

# Refuses a binary that the machines could not run, before anything is made.
check_binary() {
    [ -f "$binary" ] || fail "$binary is missing: make release"
    ! grep -q 'this pixmill was built without AWS' "$binary" || fail "$binary was built without AWS: make release"
    architecture=$(architecture)
    case ${image:-$images} in "$images"*) ;; *) return ;; esac
    needs=$(grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sort -uV | tail -n 1)
    newest=$(printf 'GLIBC_%s\n%s\n' "$image_glibc" "$needs" | sort -V | tail -n 1)
    [ "$newest" = "GLIBC_$image_glibc" ] ||
        fail "$binary needs $needs, and Amazon Linux 2023 has $image_glibc: build it on an older system, as Debian 12, or say SET=Image=…"
}

# The release: the binary, the units, and their checksums. It is called after the checksum of these.
make_release() {
    mkdir "$work/release"
    cp "$binary" "$work/release/pixmill"
    cp "$here"/units/* "$work/release"
    ( cd "$work/release" && sum pixmill pixmill-* > SHA256SUMS )
    release=$(cd "$work/release" && sum SHA256SUMS | cut -d ' ' -f 1)
}

sum() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# Puts the release where the machines find it; its list comes last, so that what has a list is whole.
upload() {
    if ! has "releases/$release/SHA256SUMS"; then
        say "Uploading release $release"
        for file in "$work"/release/pixmill* "$work/release/SHA256SUMS"; do
            aws s3 cp --only-show-errors "$file" "s3://$bucket/releases/$release/${file##*/}"
        done
    fi
    # What the controller says to the workers, so that they believe it. The first one stays.
    has fleet/token && return
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$work/token"
    aws s3api put-object --bucket "$bucket" --key fleet/token --body "$work/token" --if-none-match '*' >/dev/null ||
        has fleet/token
}

has() { aws s3api head-object --bucket "$bucket" --key "$1" >/dev/null 2>&1; }

# The parameters of the next change: what is given, and what was before. `parameters RELEASE`
parameters() {
    set -f
    for pair in $SET "Release=$1" "Architecture=$architecture"; do
        say "ParameterKey=${pair%%=*},ParameterValue=${pair#*=}"
    done
    named=" $(for pair in $SET; do printf '%s ' "${pair%%=*}"; done)Release Architecture "
    # The image follows the architecture, unless somebody has chosen another one.
    if [ -z "$(given Image)" ]; then
        case ${image:-$images} in
            "$images"*) say "ParameterKey=Image,ParameterValue=$images$architecture"; named="${named}Image " ;;
        esac
    fi
    for key in $before; do
        case $named in *" $key "*) ;; *) say "ParameterKey=$key,UsePreviousValue=true" ;; esac
    done
}

# The value that SET gives a parameter.
given() { for pair in $SET; do case $pair in "$1="*) say "${pair#*=}" ;; esac; done; }

# Proposes a change: `propose RELEASE`. Leaves its name in $change, nothing if all is as it should be.
propose() {
    change=pixmill-$(date +%s) kind=UPDATE
    case $(status) in '' | REVIEW_IN_PROGRESS) kind=CREATE ;; esac
    parameters "$1" > "$work/parameters"
    # What an earlier stack of this name has left is taken in.
    aws cloudformation create-change-set --stack-name "$stack" --change-set-name "$change" --change-set-type "$kind" \
        --template-body "file://$here/pixmill.yaml" --capabilities CAPABILITY_IAM --import-existing-resources \
        --tags "Key=pixmill,Value=$stack" --parameters $(cat "$work/parameters") >/dev/null
    while :; do
        described=$(aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$change" \
            --query '[Status,StatusReason]' --output text)
        case $described in
            *_IN_PROGRESS* | *_PENDING*) sleep 1 ;;
            *COMPLETE*) return ;;
            *"didn't contain changes"* | *"No updates are to be performed"*) withdraw; change=; return ;;
            *) withdraw; fail "AWS refuses the change: $described" ;;
        esac
    done
}

# Takes a proposal back, and with it a stack that is nothing else.
withdraw() {
    aws cloudformation delete-change-set --stack-name "$stack" --change-set-name "$change" >/dev/null
    [ "$(status)" != REVIEW_IN_PROGRESS ] || aws cloudformation delete-stack --stack-name "$stack"
}

show() {
    aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$change" --output text \
        --query 'Changes[].ResourceChange.[Action,LogicalResourceId,ResourceType,Replacement]' |
        awk -F '\t' '{ printf "  %-8s %-24s %s%s\n", $1, $2, $3, $4 == "True" ? ", replaced" : "" }'
}

# Brings the stack to a release: `change_to RELEASE`.
change_to() {
    propose "$1"
    [ -n "$change" ] || { say "The stack $stack is as it should be"; return; }
    mark
    aws cloudformation execute-change-set --stack-name "$stack" --change-set-name "$change"
    follow || fail "The change has failed, and what was before is there again; why is said above"
}

# Has the instances of an earlier release drain and replaced, some at a time.
replace_old() {
    fleet=$stack-consumers
    template="AutoScalingGroups[0].MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version"
    now=$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$fleet" --query "$template" --output text)
    old=$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$fleet" --output text \
        --query "AutoScalingGroups[0].Instances[?LaunchTemplate.Version!='$now'].InstanceId")
    [ -n "$old" ] || return 0
    say "Instances of the earlier release drain and are replaced: $old"
    aws autoscaling start-instance-refresh --auto-scaling-group-name "$fleet" --output text \
        --preferences '{"ScaleInProtectedInstances": "Refresh", "SkipMatching": true, "MinHealthyPercentage": 50}' >/dev/null ||
        say "(A replacement is under way already; give this command again when it is over.)"
}

find_names
SET=${SET:-}
is=$(status)
case $is in
    *_IN_PROGRESS)
        if [ "$is" != REVIEW_IN_PROGRESS ]; then say "The stack is $is; waiting"; mark; follow || true; fi ;;
esac
# A stack whose making has failed is nothing but a name.
if [ "$(status)" = ROLLBACK_COMPLETE ]; then
    aws cloudformation delete-stack --stack-name "$stack"; mark; follow
fi
of_stack() { aws cloudformation describe-stacks --stack-name "$stack" --query "$1" --output text 2>/dev/null || true; }
before=$(of_stack 'Stacks[0].Parameters[].ParameterKey')
image=$(given Image)
[ -n "$image" ] || image=$(of_stack "Stacks[0].Parameters[?ParameterKey=='Image'].ParameterValue | [0]")
[ "$image" != None ] || image=
check_binary
make_release

if [ -n "${DRY_RUN:-}" ]; then
    propose "$release"
    [ -n "$change" ] || { say "Nothing would change in the stack $stack"; exit 0; }
    say "What would change in the stack $stack, in $region of the account $account:"
    show
    withdraw
    exit 0
fi

# The storage comes first: the machines fetch the release from it as they boot.
[ -n "$(status)" ] || { say "Making the storage of $stack in $region of the account $account"; change_to ''; }
upload
say "Bringing the stack $stack to release $release"
change_to "$release"
replace_old

say ''
if "$binary" --version >/dev/null 2>&1; then
    "$binary" doctor --backend aws --bucket "$bucket" --queue "$queue"
else
    say "(This machine cannot run the binary, so nothing is checked: give the following where it can.)
  pixmill doctor --backend aws --bucket $bucket --queue $queue"
fi
cat <<TEXT

Send pictures, from anywhere that has your credentials:
  export PIXMILL_BACKEND=aws PIXMILL_BUCKET=$bucket PIXMILL_QUEUE=$queue AWS_REGION=$region
  pixmill submit photos/ --recipe 'resize:512 -> jpeg' --wait
TEXT
