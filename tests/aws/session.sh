#!/bin/sh
# A session with the AWS CLI, as README has it: makes a pipeline, sends a job, reads its result.
# `session.sh NAME PICTURE`; NAME begins the names of everything it makes.
set -eu
name=$1 picture=$2

# Version 1 of the CLI knows AWS_ENDPOINT_URL, but not for SQS.
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }

aws s3 mb "s3://$name-pictures"
aws sqs create-queue --queue-name "$name-jobs-dead" --attributes MessageRetentionPeriod=1209600
dead=$(aws sqs get-queue-attributes --attribute-names QueueArn --query Attributes.QueueArn --output text \
    --queue-url "$(aws sqs get-queue-url --queue-name "$name-jobs-dead" --query QueueUrl --output text)")
aws sqs create-queue --queue-name "$name-jobs" --attributes \
    "{\"RedrivePolicy\": \"{\\\"deadLetterTargetArn\\\":\\\"$dead\\\",\\\"maxReceiveCount\\\":20}\"}"

aws s3 cp "$picture" "s3://$name-pictures/inputs/harbour.jpg"
for again in 1 2; do
    aws sqs send-message --queue-url "$(aws sqs get-queue-url --queue-name "$name-jobs" --query QueueUrl --output text)" \
        --message-body '{"pixmill": 1, "id": "harbour-1", "batch": "mine", "source": {"key": "inputs/harbour.jpg"},
          "recipe": "thumb = resize:256 -> webp; gray = grayscale -> png", "submitted_at": "2026-01-01T00:00:00Z"}'
done
until aws s3 cp "s3://$name-pictures/results/mine/harbour-1.json" result.json 2>/dev/null; do sleep 0.2; done
aws s3 cp "s3://$name-pictures/outputs/mine/harbour-1/thumb.webp" .
aws s3 ls "s3://$name-pictures/outputs/mine/harbour-1/"
