// What we use of upng-js, which comes without types.
declare module 'upng-js' {
  interface Image {
    width: number;
    height: number;
  }
  const UPNG: {
    decode(file: ArrayBuffer): Image;
    toRGBA8(image: Image): ArrayBuffer[];
    /** A PNG of so many colours at most; 0: of all. */
    encode(frames: ArrayBuffer[], width: number, height: number, colours: number): ArrayBuffer;
  };
  export default UPNG;
}
