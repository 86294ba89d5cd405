"""The AWS CLI, loaded once instead of for each of the hundred calls that a test's scripts make.

`aws.py serve SOCKET` waits for calls until its standard input ends, and answers each by a fork of itself;
`aws.py call SOCKET ARGUMENT…` is a call, with the caller's environment, directory, input and output.
"""

import json
import os
import socket
import sys
import threading

SERVICES = ["autoscaling", "cloudformation", "s3", "sqs", "sts"]


def call(path, arguments):
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        request = json.dumps([arguments, dict(os.environ), os.getcwd()]).encode()
        socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(request)
        return server.recv(1)[0]


def carry_out(driver, client):
    """In a process of its own: takes over what the caller is, and calls."""
    length, fds, _, _ = socket.recv_fds(client, 4, 3)
    length, request = int.from_bytes(length, "big"), b""
    while len(request) < length:
        request += client.recv(length - len(request))
    arguments, environment, directory = json.loads(request)
    for standard, fd in enumerate(fds):
        os.dup2(fd, standard)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    # Version 1, which pip has, knows the variable, but not for SQS.
    code = driver.main(["--endpoint-url", environment["AWS_ENDPOINT_URL"], *arguments])
    sys.stdout.flush()
    sys.stderr.flush()
    client.sendall(bytes([code & 255]))
    os._exit(0)


def serve(path):
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    for service in SERVICES:
        driver.session.get_service_model(service)
    threading.Thread(target=end_with_input, daemon=True).start()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        # A child of a child, which nobody has to wait for.
        child = os.fork()
        if child == 0:
            if os.fork() == 0:
                carry_out(driver, client)
            os._exit(0)
        os.waitpid(child, 0)
        client.close()


def end_with_input():
    # Not by sys.stdin, whose lock a fork would inherit.
    while os.read(0, 1):
        pass
    os._exit(0)


verb, path, *rest = sys.argv[1:]
sys.exit(serve(path) if verb == "serve" else call(path, rest))
