"""Series: how often what happened, by minute and hour, and what was counted at each."""
