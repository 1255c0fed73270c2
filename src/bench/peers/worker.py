"""One request a line on stdin, one answer a line on stdout: {"do": NAME, ...} to the function of that name."""
import json
import os
import sys
import traceback


def serve(functions):
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = functions[request.pop("do")](**request)
        except Exception as error:  # the bench prints it in the row
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
