from forgefield.report.build import build_report


def test_x(finished_run):
    p = build_report(finished_run)
    import shutil

    shutil.copytree(finished_run, "/tmp/repx", dirs_exist_ok=True)
    print(p.stat().st_size)
