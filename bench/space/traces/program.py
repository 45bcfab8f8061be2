# What the trace "python" shows: threads, large and small memory, files, and
# children made by fork() that go on in the same program.
import json
import mmap
import os
import threading
import zlib


def job(number):
    text = json.dumps([{"n": i, "t": "x" * (i % 97)} for i in range(2000)])
    blob = zlib.compress((text * (1 + number % 5)).encode())
    return len(zlib.decompress(blob))


threads = [threading.Thread(target=job, args=(i,)) for i in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

shared = mmap.mmap(-1, 1 << 20)
children = []
for number in range(6):
    pid = os.fork()
    if pid == 0:
        private = bytearray((1 + number) << 20)
        shared[number] = len(private) >> 20
        job(number)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
assert list(shared[:6]) == [1, 2, 3, 4, 5, 6]

grown = bytearray()
for step in range(64):
    grown += bytes(256 << 10)
del grown
