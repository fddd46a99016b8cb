"""Plays the incidents of the benchmark inside a booted machine."""
