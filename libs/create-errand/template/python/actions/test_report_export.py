import unittest
from datetime import date

from report_export import export


class Export(unittest.TestCase):
    def test_a_report_has_one_row_for_each_day(self):
        told = []
        result = export(date(2026, 2, 27), date(2026, 3, 1), lambda *progress: told.append(progress))
        self.assertEqual(result["rows"], 3)
        self.assertEqual(told[-1], (100, "3 of 3 days"))


if __name__ == "__main__":
    unittest.main()
