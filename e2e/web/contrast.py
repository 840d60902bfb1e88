"""Whether a text can be read on what lies behind it."""

from __future__ import annotations

# Texts of a page, or of an element of it, whose contrast is below WCAG 2.1's AA, each with the ratio.
CONTRAST = """(root) => {
    const rgba = (text) => {
        const canvas = new OffscreenCanvas(1, 1).getContext("2d");
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (el) => {
        for (; el; el = el.parentElement) {
            const color = rgba(getComputedStyle(el).backgroundColor);
            if (color[3] === 255) return color;
        }
        return [255, 255, 255, 255];
    };
    // What is half transparent lets through what lies behind it.
    const opacity = (el) => (el ? Number(getComputedStyle(el).opacity) * opacity(el.parentElement) : 1);
    const seen = (color, back, part) => color.map((v, i) => v * part + back[i] * (1 - part)).slice(0, 3);
    const weak = [];
    const walk = document.createTreeWalker(root || document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const el = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !el.checkVisibility() || el.closest("noscript, .unseen, .skip")) continue;
        const back = behind(el);
        const front = seen(rgba(getComputedStyle(el).color), back, opacity(el));
        const [a, b] = [light(front), light(back)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) weak.push(`${ratio.toFixed(2)}: ${walk.currentNode.data.trim().slice(0, 40)}`);
    }
    return weak;
}"""
