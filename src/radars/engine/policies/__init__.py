"""The RL policies over candidates, which policy gradient updates."""
