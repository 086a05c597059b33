import AuthenticatorDevice
import AuthenticatorModels
import AVFoundation
import SwiftUI
import UIKit

/// The camera, looking for a QR code.
struct ScannerView: View {
    let found: (String) -> Void
    @State private var scanner = CodeScanner()
    @State private var hasCamera = true
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Group {
                if hasCamera {
                    CameraPicture(session: scanner.session).ignoresSafeArea().accessibilityLabel(Text(.scanTitle))
                } else {
                    ContentUnavailableView(LocalizedStringKey(.scanNoCamera), systemImage: "camera")
                }
            }
            .navigationTitle(LocalizedStringKey(.scanTitle))
            .toolbar { Button(.cancel) { dismiss() } }
        }
        .task {
            hasCamera = await scanner.start { code in
                Task { @MainActor in found(code) }
            }
        }
        .onDisappear { scanner.stop() }
    }
}

private struct CameraPicture: UIViewRepresentable {
    let session: AVCaptureSession

    final class Picture: UIView {
        override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }
    }

    func makeUIView(context: Context) -> Picture {
        let picture = Picture()
        let layer = picture.layer as? AVCaptureVideoPreviewLayer
        layer?.session = session
        layer?.videoGravity = .resizeAspectFill
        return picture
    }

    func updateUIView(_: Picture, context: Context) {}
}
