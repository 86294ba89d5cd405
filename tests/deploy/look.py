"""What a stack has made, as each service itself tells it: `look.py STACK`, told where by AWS's variables.

Prints one JSON document. CREATE_COMPLETE is no proof of anything.
"""

import base64
import json
import sys

import boto3

stack = sys.argv[1]
client = boto3.client
formation, s3, sqs, ec2, iam = (client(name) for name in ["cloudformation", "s3", "sqs", "ec2", "iam"])
watch, logs, scaling = client("cloudwatch"), client("logs"), client("autoscaling")

described = formation.describe_stacks(StackName=stack)["Stacks"][0]
resources = {
    resource["LogicalResourceId"]: resource["PhysicalResourceId"]
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in page["StackResourceSummaries"]
}
outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
bucket = outputs["Bucket"]


def queue(name):
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def template(logical_id):
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=resources[logical_id])["LaunchTemplateVersions"]
    latest = max(versions, key=lambda version: version["VersionNumber"])
    data = latest["LaunchTemplateData"]
    data["Version"] = latest["VersionNumber"]
    data["UserData"] = base64.b64decode(data["UserData"]).decode()
    return data


def role(logical_id):
    """The statements of all its policies."""
    name = resources[logical_id]
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    documents = [json.loads(document) if isinstance(document, str) else document for document in documents]
    return [statement for document in documents for statement in document["Statement"]]


def group(logical_id):
    name = resources[logical_id]
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    found["Hooks"] = scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    return found


def said():
    name = outputs["LogGroup"]
    streams = logs.describe_log_streams(logGroupName=name)["logStreams"]
    return {
        stream["logStreamName"]: [
            event["message"]
            for event in logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])["events"]
        ]
        for stream in streams
    }


machines = [name for name in ["Consumer", "Controller", "Producer"] if f"{name}Template" in resources]
groups = [name for name in ["Consumers", "Controller", "Api"] if name in resources]
print(
    json.dumps(
        {
            "status": described["StackStatus"],
            "parameters": {p["ParameterKey"]: p["ParameterValue"] for p in described["Parameters"]},
            "outputs": outputs,
            "bucket": {
                "public": s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
                "notifications": s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"],
                "policy": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
            },
            "jobs": queue(outputs["Queue"]),
            "dead": queue(outputs["DeadLetterQueue"]),
            "templates": {name: template(f"{name}Template") for name in machines},
            "groups": {name: group(name) for name in groups},
            "roles": {name: role(f"{name}Role") for name in ["Consumer", "Controller", "Producer", "Submitter"]},
            "security": [
                found
                for found in ec2.describe_security_groups()["SecurityGroups"]
                if found["GroupId"] in resources.values()
            ],
            "alarms": watch.describe_alarms(AlarmNamePrefix=f"{stack} ")["MetricAlarms"],
            "dashboard": json.loads(watch.get_dashboard(DashboardName=stack)["DashboardBody"])
            if "Dashboard" in resources
            else None,
            "logs": said(),
        },
        default=str,
    )
)
