"""Jobs by boto3, following README and the JSON Schemas alone: raw_job.py BUCKET QUEUE PICTURE.

Sends a good job, the same job again, one with a recipe that does not exist and one without a
picture, waits for the three ends and prints their result documents as JSON lines.
"""

import json
import sys
import time

import boto3

bucket, queue, picture = sys.argv[1:]
s3 = boto3.client("s3")
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]

key = "inputs/from boto/ümläut + plus.jpg"
with open(picture, "rb") as file:
    etag = s3.put_object(Bucket=bucket, Key=key, Body=file)["ETag"].strip('"')


def job(id, **members):
    return {
        "pixmill": 1,
        "id": id,
        "batch": "boto",
        "source": {"key": key, "etag": etag},
        "recipe": "resize:64 -> png",
        "submitted_at": "2026-01-01T00:00:00Z",
        **members,
    }


jobs = [
    job("good"),
    job("good"),
    job("slip", recipe="resise:64"),
    job("missing", source={"key": "inputs/nothing.jpg"}),
]
entries = [{"Id": str(n), "MessageBody": json.dumps(job)} for n, job in enumerate(jobs)]
sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
assert len(sent["Successful"]) == len(jobs), sent

for id in ["good", "slip", "missing"]:
    while True:
        try:
            body = s3.get_object(Bucket=bucket, Key=f"results/boto/{id}.json")["Body"].read()
            break
        except s3.exceptions.NoSuchKey:
            time.sleep(0.2)
    print(json.dumps(json.loads(body)))
