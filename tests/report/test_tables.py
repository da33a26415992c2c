from sparft_verl.report import arm_table, format_table


def test_the_arm_table_gives_pulls_share_and_the_outer_quarters_of_each_arm(run_folder):
    folder = run_folder(("easy", "hard", "never"), (3, 5, 7))
    for step, successes in enumerate(([0, 0], [0, 1], [0, 1], [1, 1]), start=1):
        folder.step(step, [(0, successes), (0, successes), (1, [0, 1])])

    easy, hard, never = arm_table(folder.journal)

    assert (easy.name, easy.size, easy.pulls, easy.share, easy.first, easy.last) == (
        "easy",
        3,
        8,
        2 / 3,
        0.0,
        1.0,
    )
    assert (hard.pulls, hard.share, hard.first, hard.last, hard.discarded) == (4, 1 / 3, 0.5, 0.5, 0)
    assert (never.pulls, never.share) == (0, 0.0)
    assert never.first != never.first, "an arm that was never pulled has no solve rate"


def test_the_arm_table_prints_in_the_journals_order(run_folder):
    folder = run_folder(("b", "a"), (3, 5))
    folder.step(1, [(0, [1, 0])], kind="discarded")
    lines = format_table(arm_table(folder.journal)).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["b", "3", "1", "100.0", "%", "50", "%", "50", "%", "1"],
        ["a", "5", "0", "0.0", "%", "–", "–", "0"],
    ]
