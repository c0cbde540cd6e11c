"""Jobs that wait for another one, over an unclean stop."""

import sqlite3

from tests.support.scripted_engine import StartFaulty


def test_a_job_whose_predecessor_failed_while_the_server_was_down_does_not_wait_for_ever(
    start_faulty: StartFaulty,
) -> None:
    server = start_faulty("good", downloads_allow_private="1", downloads_retries="0")
    body = {"model_type": "vae", "url": "http://127.0.0.1:1/vae.safetensors"}
    ordered = server.post("/models/download", body, expect=202)
    assert server.wait_for_job(ordered["hash_job_id"])["status"] == "failed"
    server.kill()
    with sqlite3.connect(server.data_dir / "sdcpp.db") as database:
        # As a stop between the two changes would have left it; only the trigger keeps it from happening.
        database.execute("DROP TRIGGER jobs_stay_final")
        database.execute("UPDATE jobs SET status = 'pending' WHERE id = ?", (ordered["hash_job_id"],))
    database.close()
    server.start()
    assert server.get(f"/queue/{ordered['hash_job_id']}")["status"] == "failed"
