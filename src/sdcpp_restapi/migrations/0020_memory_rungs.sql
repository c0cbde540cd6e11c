-- What jobs needed so as not to run out of memory on this machine.
CREATE TABLE memory_rungs (
    model    TEXT NOT NULL, -- a hash of the load request
    device   TEXT NOT NULL, -- the slot's
    pixels   INTEGER NOT NULL, -- that the engine decodes at once: of a picture, or of all frames of a video
    rung     INTEGER NOT NULL, -- slots/memory_ladder.py
    since    TEXT NOT NULL, -- when a job ran out of memory
    PRIMARY KEY (model, device, pixels)
) STRICT, WITHOUT ROWID;
