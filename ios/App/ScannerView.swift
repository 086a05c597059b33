import AuthenticatorDevice
import AuthenticatorModels
import AVFoundation
import SwiftUI
import UIKit

/// The camera, looking for a QR code.
struct ScannerView: View {
    let found: (String) -> Void
    @State private var scanner = CodeScanner()
    @State private var start = CodeScanner.Start.looking
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Group {
                switch start {
                case .looking: CameraPicture(session: scanner.session).ignoresSafeArea().accessibilityLabel(Text(.scanTitle))
                case .noCamera: ContentUnavailableView(LocalizedStringKey(.scanNoCamera), systemImage: "camera")
                case .denied:
                    ContentUnavailableView {
                        Label(LocalizedStringKey(.scanDenied), systemImage: "camera")
                    } actions: {
                        SystemSettingsLink(address: UIApplication.openSettingsURLString)
                    }
                }
            }
            .navigationTitle(LocalizedStringKey(.scanTitle))
            .toolbar { Button(.cancel) { dismiss() } }
        }
        .task {
            start = await scanner.start { code in
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
