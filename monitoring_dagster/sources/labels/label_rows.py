"""Label rows under one question: the tables that they lie in, and why one is invalid."""

from enum import StrEnum

TOLD = "monitoring_told"  # the table of label rows, as they were told
JUDGED = "monitoring_judged"  # and each in its bucket
FOREIGN = "monitoring_foreign"  # and of what predictions say, where no label says any of it


class Fault(StrEnum):
    """Why a label row is invalid; the words are those of the account."""

    MISSING = "missing"  # no request id, no label, or no time where times decide
    DIGITS = "digits"  # its request id is a float that has lost digits
    LABEL = "label"  # none of the task
    TIME = "time"  # what ought to be its time of arrival is none
    FUTURE = "future"  # arrived more than a day after the day of its file
    CLASS = "class"  # no label of its delivery is a class that any prediction names
    PREDICTION = "prediction"  # the prediction that it is about is none of the task
    SCORE = "score"  # the score of that prediction is no probability
