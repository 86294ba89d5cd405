"""## The same on S3 and SQS

Photographs of 50 KB to 512 pixels by `pixmill submit --wait` and a consumer with a slot a core: on S3 and
SQS, which the emulator of our tests stands for on the same cores, and on the embedded store and queue.
The emulator's rates are no promise for AWS; the requests are. They are counted on the wire, in a run of
their own. *Ratio* is embedded over AWS in pictures a second."""

import json
import os
import subprocess
import time

import boto3

from counting import Relay
from pairs import Pair, in_turn
from programs import AWS, emulator, running
from report import table
from thumbs import QUALITY, SIDE

RECIPE = f"resize:{SIDE} -> jpeg:q={QUALITY}"


def prepare(bench):
    folder(bench)


def folder(bench):
    return bench.photographs("small", 640, 427, 2, 20, max(1, bench["AWS_PICTURES"] // 20))


def versions(bench):
    return []


class Pipelines:
    """New pipelines on the emulator: a bucket and its queues each."""

    def __init__(self, bench, url):
        self.bench, self.url, self.made = bench, url, 0
        client = lambda service: boto3.client(service, endpoint_url=url, region_name="us-east-1",
                                              aws_access_key_id="test", aws_secret_access_key="test")
        self.s3, self.sqs = client("s3"), client("sqs")

    def arguments(self):
        self.made += 1
        bucket, queue, dead = (f"{what}-{self.made}" for what in ("pictures", "jobs", "dead"))
        self.s3.create_bucket(Bucket=bucket)
        url = self.sqs.create_queue(QueueName=dead)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 20})
        self.sqs.create_queue(QueueName=queue, Attributes={"RedrivePolicy": policy})
        return ["--backend", "aws", "--bucket", bucket, "--queue", queue]

    def on_aws(self, port=None):
        url = f"http://127.0.0.1:{port}" if port else self.url
        return seconds(self.bench, self.arguments(), AWS | {"AWS_ENDPOINT_URL": url})

    def embedded(self):
        self.made += 1
        return seconds(self.bench, ["--data", self.bench.scratch / f"data-{self.made}"], {})


def seconds(bench, pipeline, environment):
    """From submitting a folder to knowing all its ends."""
    slots = ["--slots", bench.cores]
    with running([bench.pixmill, "consumer", *pipeline, *slots], bench.scratch / "consumer.log",
                 **environment):
        # It waits for messages by then, as a fleet does.
        time.sleep(1)
        begun = time.monotonic()
        with open(bench.scratch / "submit.log", "w") as log:
            line = [bench.pixmill, "submit", folder(bench), "--recipe", RECIPE, "--wait", *pipeline]
            subprocess.run([str(word) for word in line], check=True, stdout=log, stderr=log,
                           env=os.environ | environment)
        took = time.monotonic() - begun
    print(f"{pipeline[:2]}: {took:.2f} s", flush=True)
    return took


def run(bench):
    count = len(list(folder(bench).iterdir()))
    with emulator(bench) as url:
        pipelines = Pipelines(bench, url)
        pair = Pair(*in_turn([pipelines.embedded, pipelines.on_aws], bench["ROUNDS"]))
        relay = Relay(int(url.rsplit(":", 1)[1]))
        pipelines.on_aws(relay.port)
    rate = lambda times: f"{count / sorted(times)[len(times) // 2]:.0f}"
    rows = [(count, rate(pair.ours), rate(pair.theirs), f"**{pair.ratio:.2f}**", pair.spread,
             f"**{relay.requests / count:.2f}**")]
    head = ("Pictures", "a second, embedded", "a second, emulated AWS", "ratio", "spread", "requests a picture")
    return table(head, rows)
