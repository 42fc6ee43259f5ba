"""Prepare a data set: videos and images to face crops and the tables that describe them.

A store looks like this::

    prepare.json         settings, counts and whether it is complete
    prepare.html         a contact sheet for a person
    videos.parquet       what was asked for
    faces.parquet        one row per crop
    failures.parquet     one row per video without crops, with its reason
    crops/<video_id>/<track_id>_<frame_index>.jpg
    masks/               what was manipulated, cut like the crops; where a video has a mask
    face_videos/         <video_id>.mp4; where they were asked for
    failures/            <video_id>.jpg, the middle frame of a video in which no face was found
    parts/               one file per finished video, from which the tables are made

A video's part is written after its crops and stays as it is, so a run that is killed at any moment
and started again ends with the same store as one that was not. So does one that is divided into
shards over several machines: whichever shard ends last makes the tables, and a call without a
shard makes them where none could.
"""
