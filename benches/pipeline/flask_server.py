"""A server of the prototype's design: `flask_server.py PORT S3_URL|DIRECTORY`. One process that takes
an upload, saves it, processes it while the client waits, puts the result to S3, and answers with a
link. Where a directory is given instead, it writes the result there, and the link names the file."""

import os
import pathlib
import sys
import tempfile
import uuid

import boto3
import cv2
from flask import Flask, jsonify, request

import peers

BUCKET, LINK_SECONDS = "pictures", 3600
OPERATIONS = {"color_inversion": "invert", "grayscale": "grayscale", "blur": "blur",
              "edge_detection": "edges", "thresholding": "threshold", "line_detection": "lines",
              "frame_contour_detection": "contours", "morphological_operations": "morphology"}

app = Flask(__name__)
port, store = sys.argv[1:]
uploads = tempfile.mkdtemp()
s3 = boto3.client("s3", endpoint_url=store) if store.startswith("http") else None


def put(path, name):
    if not s3:
        kept = pathlib.Path(store) / f"{uuid.uuid4()}-{name}"
        os.rename(path, kept)
        return kept.as_uri()
    s3.upload_file(path, BUCKET, name)
    os.remove(path)
    return s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": name}, LINK_SECONDS)


@app.post("/process_image")
def process_image():
    operation, name = request.form["operation"], request.form["output_name"]
    upload = os.path.join(uploads, f"{uuid.uuid4()}-upload")
    request.files["image"].save(upload)
    made = os.path.join(uploads, f"{uuid.uuid4()}-{name}")
    cv2.imwrite(made, peers.FRESH[OPERATIONS[operation]](cv2.imread(upload)))
    os.remove(upload)
    return jsonify({"download_link": put(made, name), "Instance_ID": "bench"})


if s3:
    s3.create_bucket(Bucket=BUCKET)
app.run(port=int(port), threaded=True)
