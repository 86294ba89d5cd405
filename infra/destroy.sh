#!/bin/sh
# Takes a pipeline out of your AWS account: `make destroy`. Can be repeated, and killed, at any moment.
#
#   STACK=NAME   the stack's name (pixmill)
#   DATA=1       remove the bucket with all pictures and results, and the queues with all jobs, too
#
# Workers drain first: what they have in work is finished, or goes back into the queue. Without DATA=1 bucket and queues
# stay, and `make deploy` of the same name goes on with them.
set -eu
here=$(dirname "$0")
. "$here/stack.sh"
# Draining takes 90 s and a little; after this long the stack is removed all the same, and jobs come back by themselves.
patience=600

group() { aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$1" --output text --query "$2" 2>/dev/null || true; }
instances() { group "$1" 'AutoScalingGroups[0].Instances[].InstanceId' | sed 's/^None$//'; }

# Sends everybody of a group home, and waits until they have gone.
empty() {
    [ "$(group "$1" 'length(AutoScalingGroups)')" = 1 ] || return 0
    protected=$(instances "$1")
    [ -z "$protected" ] ||
        aws autoscaling set-instance-protection --auto-scaling-group-name "$1" --no-protected-from-scale-in --instance-ids $protected
    aws autoscaling update-auto-scaling-group --auto-scaling-group-name "$1" --min-size 0 --desired-capacity 0
    waited=0
    while left=$(instances "$1"); [ -n "$left" ] && [ "$waited" -lt "$patience" ]; do
        say "  waiting for $(printf '%s\n' $left | wc -l) to drain and go: $(printf '%s ' $left)"
        sleep 10
        waited=$((waited + 10))
    done
}

find_names
look
if [ -n "$is" ]; then
    say "Sending the machines of $stack home"
    # The controller goes first, or it would start others.
    for role in controller producer consumers; do empty "$stack-$role"; done
    say "Removing the stack $stack in $region of the account $account"
    mark
    aws cloudformation delete-stack --stack-name "$stack"
    is='' # until something is heard of that
    follow || fail "Not everything could be removed; why is said above. Give this command again when that is mended"
else
    say "There is no stack $stack in $region of the account $account"
fi

# Queues of those who waited for replies; nobody answers any more.
for url in $(aws sqs list-queues --queue-name-prefix "$queue-replies-" --query 'QueueUrls[]' --output text | sed 's/^None$//'); do
    aws sqs delete-queue --queue-url "$url"
done
if has_bucket; then
    if [ -n "${DATA:-}" ]; then
        say "Removing the bucket $bucket and all that is in it"
        aws s3 rb --force "s3://$bucket" >/dev/null
    else
        # What is no picture, result or recipe.
        for prefix in releases fleet controller probes; do
            aws s3 rm --recursive --only-show-errors "s3://$bucket/$prefix/"
        done
    fi
fi
for name in "$queue" "$queue-dead"; do
    url=$(queue_url "$name") || continue
    [ -z "${DATA:-}" ] || { say "Removing the queue $name"; aws sqs delete-queue --queue-url "$url"; }
done

[ -z "${DATA:-}" ] || { say "Nothing is left"; exit 0; }
left() { say "$@" >> "$work/left"; }
: > "$work/left"
! has_bucket || left "  the bucket $bucket, with pictures, results and recipes"
for name in "$queue" "$queue-dead"; do
    url=$(queue_url "$name") || continue
    jobs=$(aws sqs get-queue-attributes --queue-url "$url" --attribute-names ApproximateNumberOfMessages \
        --query 'Attributes.ApproximateNumberOfMessages' --output text)
    left "  the queue $name, with about $jobs messages"
done
[ -s "$work/left" ] || { say "Nothing is left"; exit 0; }
say "What is left, which costs what its storage costs:"
cat "$work/left"
say "\`make deploy\` goes on with it; \`make destroy DATA=1\` removes it."
