"""The prototype's desktop page, as far as it spoke to its server: one multipart POST an image, and a
JSON reply with `download_link` and `Instance_ID`.

Arguments: the server, a picture, a directory for the outputs, operations.
"""

import asyncio
import json
import os
import sys

import aiohttp

SERVER, PICTURE, OUT, *OPERATIONS = sys.argv[1:]


async def send_image_processing_request(image_path, operation, output_name, s3_bucket):
    async with aiohttp.ClientSession() as session:
        with open(image_path, "rb") as image:
            data = aiohttp.FormData()
            data.add_field("image", image, filename=os.path.basename(image_path))
            data.add_field("operation", operation)
            data.add_field("output_name", output_name)
            data.add_field("s3_bucket", s3_bucket)
            async with session.post(f"{SERVER}/process_image", data=data) as response:
                if response.status != 200:
                    raise RuntimeError(await response.text())
                result = await response.json()
                return result["download_link"], result["Instance_ID"]


async def main():
    for operation in OPERATIONS:
        name = f"{operation}.png"
        link, instance = await send_image_processing_request(PICTURE, operation, name, "pictures")
        async with aiohttp.ClientSession() as session, session.get(link) as response:
            assert response.status == 200, await response.text()
            with open(os.path.join(OUT, name), "wb") as output:
                output.write(await response.read())
        print(json.dumps({"download_link": link, "Instance_ID": instance}))


asyncio.run(main())
