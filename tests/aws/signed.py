"""Whether S3 would take an upload by a link: for each of these lengths the signature is computed anew,
by botocore, and compared with the link's.

Arguments: the link, lengths in bytes. Prints a line for each length, True or False.
"""

import sys
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

link, lengths = urlsplit(sys.argv[1]), sys.argv[2:]
query = dict(parse_qsl(link.query))
signature = query.pop("X-Amz-Signature")
unsigned = urlunsplit(link._replace(query=urlencode(query)))
signer = S3SigV4QueryAuth(Credentials("test", "test"), "s3", "us-east-1")
for length in lengths:
    request = AWSRequest("PUT", unsigned, headers={"Content-Length": length})
    request.context["timestamp"] = query["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    print(signer.signature(text, request) == signature)
