"""Alerts: what people are told without looking, by webhook and mail, no more often than they can bear.

Here: what is worth telling (findings.py), the letter box (channels.py), the sensor that brings both together.
"""

from unicorn_assets.automation.alerts.sensor import build_alerts

__all__ = ["build_alerts"]
