// The words of widgets that can hardly be read: contrast under 4.5 to 1 (WCAG 2.2, 1.4.3) with what is really behind.
// Of HTML only: pictures bring their own background. What is disabled may be faint.
() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const channels = colour => {  // of any CSS colour: red, green, blue from 0 to 255, opacity from 0 to 1
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255];
    };
    const over = (top, below, alpha) => [0, 1, 2].map(each => alpha * top[each] + (1 - alpha) * below[each]);
    const luminance = colour => {
        const linear = colour.map(each => each / 255).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const behind = element => {
        const {backgroundColor, opacity} = getComputedStyle(element);
        const [red, green, blue, alpha] = channels(backgroundColor);
        if (alpha * opacity === 1) return [red, green, blue];
        return over([red, green, blue], element.parentElement ? behind(element.parentElement) : [255, 255, 255], alpha * opacity);
    };
    const opacity = element => (element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1);
    const contrast = element => {
        const [red, green, blue, alpha] = channels(getComputedStyle(element).color);
        const background = behind(element);
        const shown = over([red, green, blue], background, alpha * opacity(element));
        const [dark, light] = [luminance(shown), luminance(background)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const holdsWords = element => element.matches('select')
        || [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const read = [...document.querySelectorAll('.course-large *')].filter(element =>
        element instanceof HTMLElement && !element.matches('style, option') && holdsWords(element)
        && element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length
        && !element.closest(':disabled, .widget-radio-box [disabled]'));
    const named = element => `${element.className || element.tagName}: ${element.innerText.trim().slice(0, 60)}`;
    const faint = read.map(element => [named(element), contrast(element)]).filter(([, found]) => found < 4.5);
    return {read: read.length, faint: faint.map(([name, found]) => `${name} (${found.toFixed(1)})`)};
}
