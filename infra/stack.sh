# What infra/deploy.sh and infra/destroy.sh share: the stack, its names, and waiting for it.

export AWS_PAGER=''
stack=${STACK:-pixmill}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# Who we are and where, and what the names are that follow from it (infra/pixmill.yaml has the same).
find_names() {
    command -v aws >/dev/null 2>&1 || fail "aws is missing: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
    printf '%s' "$stack" | grep -Eqx '[a-z][a-z0-9-]{0,30}' ||
        fail "a stack's name is of at most 31 small letters, digits and hyphens, as its bucket's begins with it: $stack"
    account=$(aws sts get-caller-identity --query Account --output text) ||
        fail "AWS does not know you: aws configure, or aws sso login, or set AWS_PROFILE"
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [ -n "$region" ] || fail "no region is set: export AWS_REGION=eu-central-1, or another one"
    export AWS_REGION="$region" AWS_DEFAULT_REGION="$region"
    bucket=$stack-$account-$region queue=$stack-jobs
}

# Looks at the stack: $is (nothing, if there is none), $stack_id, and its $parameters as Key=value.
look() {
    aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query 'Stacks[0].[[StackStatus,StackId],Parameters[].join(`=`,[ParameterKey,ParameterValue])||`[]`]' \
        > "$work/stack" 2>/dev/null || : > "$work/stack"
    is=$(sed -n 1p "$work/stack" | cut -f 1)
    stack_id=$(sed -n 1p "$work/stack" | cut -f 2)
    parameters=$(sed -n 2p "$work/stack" | tr '\t' '\n')
}

# Events of the stack, the latest first: id, status, resource, its type, reason.
events() {
    aws cloudformation describe-stack-events --stack-name "${stack_id:-$stack}" --max-items 200 --output text \
        --query 'StackEvents[].[EventId,ResourceStatus,LogicalResourceId,ResourceType,ResourceStatusReason]' 2>/dev/null |
        grep -v '^None' || true
}

# What has happened so far is not shown.
mark() { shown=$(events | sed -n 1p | cut -f 1); }

# Shows what happens to the stack until it is over. Succeeds if the stack is as it was asked to be.
follow() {
    while :; do
        events | awk -F '\t' -v shown="$shown" '$1 == shown { exit } { print }' > "$work/events"
        if [ -s "$work/events" ]; then
            shown=$(sed -n 1p "$work/events" | cut -f 1)
            # The oldest first.
            awk -F '\t' '{ line[NR] = sprintf("  %-20s %-20s %s", $2, $3, $5 == "None" ? "" : $5) }
                END { for (n = NR; n > 0; n--) print line[n] }' "$work/events"
            is=$(awk -F '\t' '$4 == "AWS::CloudFormation::Stack" { print $2; exit }' "$work/events")
        fi
        case $is in
            '' | *_IN_PROGRESS) sleep 2 ;;
            CREATE_COMPLETE | UPDATE_COMPLETE | IMPORT_COMPLETE | DELETE_COMPLETE) return 0 ;;
            *) return 1 ;;
        esac
    done
}

# Whether there is such a bucket, or queue.
has_bucket() { aws s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; }
queue_url() { aws sqs get-queue-url --queue-name "$1" --query QueueUrl --output text 2>/dev/null; }
