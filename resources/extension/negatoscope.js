export default { id: '@negatoscope/desktop' };
