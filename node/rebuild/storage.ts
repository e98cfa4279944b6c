/** How layers are kept on the disk of a work folder. */
import { statfs } from 'node:fs/promises'

const OVERLAYFS_MAGIC = 0x794c7630

/** Overlay does not stack on an overlay, which is what a container's own disk is. */
export async function canOverlay(folder: string): Promise<boolean> {
  return (await statfs(folder)).type !== OVERLAYFS_MAGIC
}
