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

# What the binary is built for.
built_for() {
    case $(od -An -tx1 -N20 "$binary" | tr -d ' \n') in
        7f454c46????????????????????????????3e00) echo x86_64 ;;
        7f454c46????????????????????????????b700) echo arm64 ;;
        *) fail "$binary is no program for Linux on x86-64 or arm64" ;;
    esac
}

# Refuses a binary that the machines could not run, before anything is made. Leaves $architecture and $image.
check_binary() {
    [ -f "$binary" ] || fail "$binary is missing: make release"
    ! grep -q 'this pixmill was built without AWS' "$binary" || fail "$binary was built without AWS: make release"
    architecture=$(built_for)
    image=$(image_for)
    [ -n "$image" ] || return 0
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
        to=s3://$bucket/releases/$release
        aws s3 cp --only-show-errors --recursive --exclude SHA256SUMS "$work/release" "$to"
        aws s3 cp --only-show-errors "$work/release/SHA256SUMS" "$to/SHA256SUMS"
    fi
    # What the controller says to the workers, so that they believe it. The first one stays.
    has fleet/token && return
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$work/token"
    aws s3api put-object --bucket "$bucket" --key fleet/token --body "$work/token" --if-none-match '*' >/dev/null ||
        has fleet/token
}

has() { aws s3api head-object --bucket "$bucket" --key "$1" >/dev/null 2>&1; }

# The parameters of the next change: what is given, and what was before. `parameters_with RELEASE`
parameters_with() {
    set -- $SET "Release=$1" "Architecture=$architecture" ${image:+"Image=$image"}
    for pair; do say "ParameterKey=${pair%%=*},ParameterValue=${pair#*=}"; done
    for old in $parameters; do
        case " $* " in *" ${old%%=*}="*) ;; *) say "ParameterKey=${old%%=*},UsePreviousValue=true" ;; esac
    done
}

# The image follows the architecture, unless somebody has chosen one: nothing, if that is so.
image_for() {
    case "$SET $parameters" in
        *Image="$images"*) say "$images$architecture" ;;
        *Image=*) ;;
        *) say "$images$architecture" ;;
    esac
}

# Proposes a change: `propose RELEASE`. Leaves its name in $change, nothing if all is as it should be.
propose() {
    kind=UPDATE
    case $is in '' | REVIEW_IN_PROGRESS) kind=CREATE ;; esac
    create_change "file://$here/pixmill.yaml" --capabilities CAPABILITY_IAM --tags "Key=pixmill,Value=$stack" \
        --parameters $(parameters_with "$1")
}

# Proposes to take in what an earlier stack of this name has left. Fails if there is nothing.
propose_kept() {
    kind=IMPORT resources='' imports=''
    ! has_bucket || keep Bucket AWS::S3::Bucket BucketName "$bucket" BucketName "$bucket"
    ! url=$(queue_url "$queue") || keep Jobs AWS::SQS::Queue QueueName "$queue" QueueUrl "$url"
    ! url=$(queue_url "$queue-dead") || keep DeadLetters AWS::SQS::Queue QueueName "$queue-dead" QueueUrl "$url"
    [ -n "$imports" ] || return 1
    printf '{"Resources": {%s}}' "$resources" > "$work/kept.json"
    printf '[%s]' "$imports" > "$work/imports.json"
    create_change "file://$work/kept.json" --resources-to-import "file://$work/imports.json"
}

# One of those: `keep ID TYPE PROPERTY VALUE IDENTIFIER VALUE`. All else about it is brought by the update that follows.
keep() {
    resources="$resources${resources:+, }\"$1\": {\"Type\": \"$2\", \"DeletionPolicy\": \"RetainExceptOnCreate\",
        \"UpdateReplacePolicy\": \"Retain\", \"Properties\": {\"$3\": \"$4\"}}"
    imports="$imports${imports:+, }{\"LogicalResourceId\": \"$1\", \"ResourceType\": \"$2\", \"ResourceIdentifier\": {\"$5\": \"$6\"}}"
}

# Has AWS make a change set of $kind: `create_change TEMPLATE MORE…`.
create_change() {
    change=pixmill-$(date +%s) template=$1
    shift
    aws cloudformation create-change-set --stack-name "$stack" --change-set-name "$change" --change-set-type "$kind" \
        --template-body "$template" "$@" >/dev/null
    while :; do
        described=$(aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$change" \
            --query '[Status,StatusReason]' --output text)
        case $described in
            CREATE_IN_PROGRESS* | CREATE_PENDING*) sleep 1 ;;
            CREATE_COMPLETE*) return ;;
            *"didn't contain changes"* | *"No updates are to be performed"*) withdraw; change=; return ;;
            *) withdraw; fail "AWS refuses the change: $described" ;;
        esac
    done
}

# Takes a proposal back, and with it a stack that is nothing else.
withdraw() {
    aws cloudformation delete-change-set --stack-name "$stack" --change-set-name "$change" >/dev/null
    [ -z "$is_new" ] || aws cloudformation delete-stack --stack-name "$stack"
}

show() {
    aws cloudformation describe-change-set --stack-name "$stack" --change-set-name "$change" --output text \
        --query 'Changes[].ResourceChange.[Action,LogicalResourceId,ResourceType,Replacement]' |
        awk -F '\t' '{ printf "  %-8s %-24s %s%s\n", $1, $2, $3, $4 == "True" ? ", replaced" : "" }'
}

# Carries out what is proposed.
carry_out() {
    [ -n "$change" ] || { say "The stack $stack is as it should be"; return; }
    mark
    aws cloudformation execute-change-set --stack-name "$stack" --change-set-name "$change"
    is='' # until something is heard of that
    follow || fail "The change has failed, and what was before is there again; why is said above"
}

# Has the instances of an earlier release drain and replaced, some at a time.
replace_old() {
    fleet=$stack-consumers
    # The version of the group, and below it of each of its instances.
    aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$fleet" --output text --query \
        'AutoScalingGroups[0].[[MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version],Instances[].LaunchTemplate.Version]' \
        > "$work/versions"
    now=$(sed -n 1p "$work/versions")
    sed 1d "$work/versions" | tr '\t' '\n' | grep -qvx "$now" || return 0
    say "Instances of the earlier release drain and are replaced, some at a time"
    aws autoscaling start-instance-refresh --auto-scaling-group-name "$fleet" >/dev/null --preferences \
        '{"ScaleInProtectedInstances": "Refresh", "SkipMatching": true, "MinHealthyPercentage": 50}' ||
        say "(A replacement is under way already; give this command again when it is over.)"
}

find_names
SET=${SET:-}
look
case $is in
    REVIEW_IN_PROGRESS) ;;
    *_IN_PROGRESS) say "The stack is $is; waiting"; mark; follow || true; look ;;
esac
# A stack whose making has failed is nothing but a name.
if [ "$is" = ROLLBACK_COMPLETE ]; then
    mark
    aws cloudformation delete-stack --stack-name "$stack"
    is=''
    follow
    look
fi
check_binary
make_release

is_new=
case $is in '' | REVIEW_IN_PROGRESS) is_new=1 ;; esac
if [ -n "${DRY_RUN:-}" ]; then
    where="the stack $stack, in $region of the account $account"
    if [ -n "$is_new" ] && propose_kept; then
        say "What is left of an earlier stack would be taken in, and all the rest be made, in $where:"
    else
        propose "$release"
        [ -n "$change" ] || { say "Nothing would change in $where"; exit 0; }
        say "What would change in $where:"
    fi
    show
    withdraw
    exit 0
fi

# The storage comes first: the machines fetch the release from it as they boot.
if [ -n "$is_new" ]; then
    if propose_kept; then
        say "Taking in what an earlier $stack has left in $region of the account $account"
    else
        say "Making the storage of $stack in $region of the account $account"
        propose ''
    fi
    carry_out
    look
fi
upload
say "Bringing the stack $stack to release $release"
propose "$release"
carry_out
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
