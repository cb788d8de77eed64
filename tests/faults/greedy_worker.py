"""Preloaded by workers: to learn the taste of one person takes more memory than there is."""

import os
import time

_ALL_OF_IT = 8 * 2**30


def dask_setup(worker):
    from jfdask.stages.train import tasks

    learn = tasks._learn_person

    def learn_greedily(place, user_id, options):
        held = []
        while user_id == os.environ["GREEDY"]:
            held.append(b"x" * 2**24)
            assert len(held) * 2**24 < _ALL_OF_IT, "nobody has stopped it"
            time.sleep(0.005)
        return learn(place, user_id, options)

    tasks._learn_person = learn_greedily
